"""A blob opens for its owner, with its key, and for nobody else; keys change while processes run."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rotavatar import keyring
from rotavatar.configuration import Given, Secret
from rotavatar.credentials import SCOPES, Credential, open_credential, seal_credential
from rotavatar.errors import ConfigurationError, RotavatarError, VaultError, VaultKeyMissing
from rotavatar.keyring import Key, KeyRing, generate_key, parse_keys
from rotavatar.reencryption import UNREADABLE, Outcome, Sealed, count_keys, reencrypt
from rotavatar.vault import Owner, Vault, key_id_of


def key(key_id: str, fill: int = 1) -> str:
    return f"{key_id}:{base64.b64encode(bytes([fill] * 32)).decode()}"


def vault(*keys: str) -> Vault:
    return Vault(KeyRing(Secret(",".join(keys))))


ONE = vault(key("one"))
MEMBER = Owner("member", "T0123", "U0123")
owners = st.builds(
    Owner, st.sampled_from(["member", "bot", "app", "photo"]), st.text(max_size=20), st.text(max_size=20)
)


@given(plain=st.binary(max_size=300), owner=owners)
def test_what_was_sealed_opens_again(plain, owner):
    blob = ONE.seal(plain, owner)
    assert ONE.open(blob, owner) == plain
    assert key_id_of(blob) == "one"
    assert len(blob) == len(plain) + 1 + 3 + 12 + 16


@given(owner=owners, other=owners)
def test_a_blob_opens_for_its_owner_only(owner, other):
    assume(owner != other)
    with pytest.raises(VaultError):
        ONE.open(ONE.seal(b"token", owner), other)


@given(joined=st.text(min_size=2, max_size=12), cut=st.data())
def test_workspace_and_member_do_not_run_into_each_other(joined, cut):
    here, there = (cut.draw(st.integers(0, len(joined))) for _ in "ab")
    assume(here != there)
    blob = ONE.seal(b"token", Owner("member", joined[:here], joined[here:]))
    with pytest.raises(VaultError):
        ONE.open(blob, Owner("member", joined[:there], joined[there:]))


@given(plain=st.binary(max_size=64), data=st.data())
def test_a_flipped_bit_anywhere_is_noticed(plain, data):
    blob = bytearray(ONE.seal(plain, MEMBER))
    bit = data.draw(st.integers(0, len(blob) * 8 - 1))
    blob[bit // 8] ^= 1 << bit % 8
    with pytest.raises(VaultError):
        ONE.open(bytes(blob), MEMBER)


@given(plain=st.binary(max_size=64), data=st.data())
def test_a_shortened_or_lengthened_blob_is_noticed(plain, data):
    blob = ONE.seal(plain, MEMBER)
    for wrong in (
        blob[: data.draw(st.integers(0, len(blob) - 1))],
        blob + data.draw(st.binary(min_size=1, max_size=9)),
    ):
        with pytest.raises(VaultError):
            ONE.open(wrong, MEMBER)


@given(noise=st.binary(max_size=200))
def test_noise_is_a_vault_error_and_nothing_else(noise):
    with pytest.raises(VaultError):
        ONE.open(noise, MEMBER)
    with suppress(VaultError):
        key_id_of(noise)


@pytest.mark.parametrize("start", [b"\x10", b"\x21a", b"\x12\xff\xff"])
def test_what_has_no_header_of_this_version_is_no_blob(start):
    with pytest.raises(VaultError, match="no sealed blob"):
        key_id_of(start + bytes(60))


def test_another_key_of_the_same_id_does_not_open():
    with pytest.raises(VaultError, match="key one") as caught:
        vault(key("one", 2)).open(ONE.seal(b"token", MEMBER), MEMBER)
    assert not isinstance(caught.value, VaultKeyMissing)


def test_a_missing_key_is_told_from_a_damaged_blob():
    with pytest.raises(VaultKeyMissing, match="key one"):
        vault(key("two", 2)).open(ONE.seal(b"token", MEMBER), MEMBER)


def test_the_same_content_is_never_sealed_to_the_same_blob():
    assert len({ONE.seal(b"token", MEMBER) for _ in range(1000)}) == 1000


def test_no_error_or_repr_shows_a_key_or_the_content():
    secret = parse_keys(key("one"))[0]
    shown = repr(secret) + repr(KeyRing(Secret(key("one"))).sealing)
    with pytest.raises(VaultError) as caught:
        ONE.open(ONE.seal(b"the-token", MEMBER), Owner("bot", "T0123"))
    shown += str(caught.value)
    assert key("one").partition(":")[2] not in shown
    assert repr(secret.secret) not in shown
    assert "the-token" not in shown


# Keys


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "at least one key"),
        (" , \n", "at least one key"),
        (key("one").partition(":")[2], "key 1 is not"),
        (key("one") + "," + key("much-too-long", 2), "key 2 is not"),
        (key("o ne"), "key 1 is not"),
        ("one:%%%%", "no valid base64"),
        ("one:\xe9\xe9\xe9\xe9", "no valid base64"),
        ("one:" + base64.b64encode(b"short").decode(), "32 bytes; key 1 has 5"),
        (key("one") + "," + key("one", 2), "an id of its own"),
        (key("one") + "," + key("two"), "each key once"),
    ],
)
def test_what_is_no_key_is_refused_without_repeating_it(text, says):
    with pytest.raises(ConfigurationError, match=says) as caught:
        KeyRing(Secret(text))
    assert str(caught.value).startswith("ROTAVATAR_VAULT_KEYS must ")
    assert not [part for part in text.replace(",", ":").split(":") if len(part) > 8 and part in str(caught.value)]


def test_keys_stand_on_lines_or_between_commas_in_either_base64_alphabet():
    urlsafe = "u:" + base64.urlsafe_b64encode(b"\xfb\xff" * 16).decode()
    assert [each.id for each in parse_keys(f"{key('a')}\n{key('b', 2)},\r\n{urlsafe}\n")] == ["a", "b", "u"]
    assert keyring.read_vault_keys(Given(text=key("a"), file=Path("/k"))).file == Path("/k")


def test_a_generated_key_is_a_key_with_an_id_of_its_own():
    made = [parse_keys(generate_key())[0] for _ in range(50)]
    assert len({each.secret for each in made}) == 50
    randoms = iter([b"\0" * 5, b"\0" * 5, b"\1" * 5, b"k" * 32])
    assert parse_keys(generate_key(taken=["aaaa"], random=lambda _: next(randoms))) == (Key("aeaq", b"k" * 32),)


def test_a_key_is_replaced_in_three_steps_during_which_everything_opens():
    first = key("one")
    both = keyring.with_new_key(first)
    old, new = (each.id for each in parse_keys(both))
    assert old == "one"
    swapped = keyring.with_first_key(both, key_id=new)
    assert [each.id for each in parse_keys(swapped)] == [new, "one"]
    blob = vault(both).seal(b"token", MEMBER)
    moved = vault(swapped).reseal(blob, MEMBER)
    assert moved is not None
    assert key_id_of(moved) == new
    assert vault(both).open(moved, MEMBER) == vault(swapped).open(blob, MEMBER) == b"token"
    alone = keyring.without_key(swapped, key_id="one", used=[new])
    assert vault(alone).open(moved, MEMBER) == b"token"
    assert vault(alone).reseal(moved, MEMBER) is None


@pytest.mark.parametrize(
    ("key_id", "used", "says"), [("one", [], "seals"), ("two", ["two"], "re-encrypt"), ("six", [], "no key")]
)
def test_a_key_that_is_needed_is_not_taken_away(key_id, used, says):
    with pytest.raises(ValueError, match=says):
        keyring.without_key(f"{key('one')},{key('two', 2)}", key_id=key_id, used=used)


def test_a_running_process_takes_up_keys_that_change_in_the_mounted_file(tmp_path):
    file = tmp_path / "keys"
    file.write_text(key("one") + "\n")
    ring = KeyRing(Secret(key("one"), file=file))
    assert ring.refresh() is False
    file.write_text(f"{key('two', 2)}\n{key('one')}\n")
    assert ring.refresh() is True
    assert [*ring.ids] == ["two", "one"]
    assert ring.refresh() is False
    file.write_text(key("one"))
    assert ring.refresh() is True
    assert [*ring.ids] == ["one"]
    assert KeyRing(Secret(key("one"))).refresh() is False


@pytest.mark.parametrize("content", ["", "rubbish", None])
def test_a_mounted_file_that_went_bad_leaves_the_keys_as_they_were(tmp_path, content):
    file = tmp_path / "keys"
    if content is not None:
        file.write_text(content)
    ring = KeyRing(Secret(key("one"), file=file))
    with pytest.raises(ConfigurationError, match=r"^ROTAVATAR_VAULT_KEYS"):
        ring.refresh()
    assert ring.ids == ("one",)
    assert ring.get("two") is None


def test_a_blob_of_a_key_that_came_since_opens_at_once(tmp_path):
    file = tmp_path / "keys"
    file.write_text(key("one"))
    lagging = Vault(KeyRing(Secret(key("one"), file=file)))
    blob = vault(key("two", 2)).seal(b"token", MEMBER)
    file.write_text(f"{key('two', 2)},{key('one')}")
    assert lagging.open(blob, MEMBER) == b"token"


async def test_the_ring_is_kept_fresh_through_a_bad_file(tmp_path):
    file = tmp_path / "keys"
    file.write_text("rubbish")
    ring = KeyRing(Secret(key("one"), file=file))
    keeper = asyncio.create_task(ring.keep_fresh(period=0.001))
    try:
        await asyncio.sleep(0.05)
        assert ring.ids == ("one",)
        replacement = tmp_path / "new"
        replacement.write_text(key("two", 2))
        replacement.replace(file)
        async with asyncio.timeout(5):
            while ring.ids != ("two",):
                await asyncio.sleep(0.001)
    finally:
        keeper.cancel()


# Credentials

tokens = st.text(max_size=120) | st.from_regex(r"xox[bpe](\.xox[bp]-1)?-[A-Za-z0-9-]{0,200}", fullmatch=True)
credentials = st.builds(
    Credential,
    access_token=tokens.map(Secret),
    refresh_token=st.none() | tokens.map(Secret),
    expires_at=st.none() | st.integers(0, 2**40),
    scopes=st.lists(st.sampled_from(SCOPES) | st.text(max_size=9)).map(tuple),
)


@given(credential=credentials)
def test_a_credential_survives_whatever_its_token_looks_like(credential):
    assert open_credential(ONE, seal_credential(ONE, credential, MEMBER), MEMBER) == credential


def test_credentials_are_small():
    plain = Credential(access_token=Secret("xoxp-" + "7" * 71), scopes=SCOPES[:2])
    rotating = Credential(
        access_token=Secret("xoxe.xoxp-1-" + "A" * 154),
        refresh_token=Secret("xoxe-1-" + "b" * 140),
        expires_at=1_700_000_000,
        scopes=SCOPES[:2],
    )
    short = vault(key("abcd"))
    assert len(seal_credential(short, plain, MEMBER)) <= 98
    assert len(seal_credential(short, rotating, MEMBER)) <= 283


def test_a_credential_shows_no_token():
    assert "xoxp" not in repr(Credential(access_token=Secret("xoxp-1"), refresh_token=Secret("xoxp-2")))


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x91\x01", msgspec.msgpack.encode((b"abc", [99]))])
def test_a_blob_that_holds_no_credential_is_a_vault_error_without_its_cause(content):
    with pytest.raises(VaultError) as caught:
        open_credential(ONE, ONE.seal(content, MEMBER), MEMBER)
    assert caught.value.__suppress_context__


# Re-encryption


class Table:
    """Blobs by owner, walked and replaced as a store would."""

    def __init__(self, blobs: dict[Owner, bytes]) -> None:
        self.blobs = blobs

    async def sealed(self) -> AsyncIterator[Sealed]:
        for owner, blob in list(self.blobs.items()):
            yield Sealed(owner=owner, blob=blob)

    async def headers(self) -> AsyncIterator[bytes]:
        for blob in self.blobs.values():
            yield blob[:40]

    async def replace(self, old: Sealed, blob: bytes) -> bool:
        if self.blobs[old.owner] != old.blob:
            return False
        self.blobs[old.owner] = blob
        return True


def members(count: int) -> list[Owner]:
    return [Owner("member", "T1", f"U{number}") for number in range(count)]


async def test_reencryption_moves_everything_and_can_be_broken_off():
    old, new = vault(key("one")), vault(key("two", 2), key("one"))
    table = Table({owner: old.seal(owner.user.encode(), owner) for owner in members(10)})

    async def dies_at_the_fourth(item: Sealed, blob: bytes) -> bool:
        if item.owner.user == "U3":
            raise RotavatarError("killed")
        return await table.replace(item, blob)

    with pytest.raises(RotavatarError, match="killed"):
        await reencrypt(new, table.sealed(), replace=dies_at_the_fourth)
    assert await count_keys(table.headers()) == {"two": 3, "one": 7}
    assert await reencrypt(new, table.sealed(), replace=table.replace) == Outcome(moved=7, current=3)
    assert await count_keys(table.headers()) == {"two": 10}
    only = vault(key("two", 2))
    assert [only.open(blob, owner) for owner, blob in table.blobs.items()] == [o.user.encode() for o in members(10)]


async def test_reencryption_never_overwrites_what_somebody_stored_meanwhile():
    old, new = vault(key("one")), vault(key("two", 2), key("one"))
    table = Table({owner: old.seal(b"before", owner) for owner in members(2)})

    async def after_a_refresh(item: Sealed, blob: bytes) -> bool:
        table.blobs[item.owner] = old.seal(b"refreshed", item.owner)
        return await table.replace(item, blob)

    assert await reencrypt(new, table.sealed(), replace=after_a_refresh) == Outcome(changed=2)
    assert {new.open(blob, owner) for owner, blob in table.blobs.items()} == {b"refreshed"}


async def test_reencryption_goes_on_past_what_it_cannot_open():
    new = vault(key("two", 2), key("one"))
    a, b, c = members(3)
    table = Table({a: os.urandom(50), b: vault(key("gone", 9)).seal(b"x", b), c: vault(key("one")).seal(b"x", c)})
    table.blobs[a] = b"\xff" + table.blobs[a]
    assert await count_keys(table.headers()) == {UNREADABLE: 1, "gone": 1, "one": 1}
    assert await reencrypt(new, table.sealed(), replace=table.replace) == Outcome(moved=1, failed=2)
