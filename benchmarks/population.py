"""Members as they are after some weeks of use, many of them, in Redis as the stores would have written them."""

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Final

import msgspec.structs

from rotavatar import keys
from rotavatar.configuration import Secret
from rotavatar.credentials import SCOPES, Credential, seal_credential
from rotavatar.details import SLACK_PHOTOS
from rotavatar.keyring import KeyRing, generate_key
from rotavatar.keys import User, Workspace
from rotavatar.policy import HOUR
from rotavatar.records import MEMBER_FIELDS, WORKSPACE_FIELDS, Member, OwnPhoto, WorkspaceRecord, changes
from rotavatar.vault import Owner, Vault
from tests.servers import Server

NOW_MS: Final = 1_795_000_000_000
CATALOGUE: Final = "c4kq2z"
PACKS: Final = ("critters", "planets", "botany", "notionists")
ZONES: Final = ("Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo", "America/New_York", "UTC")
VIEW_HASH: Final = "1795000000.a1b2c3d4"
AVATAR_HASH: Final = "a1b2c3d4e5f6"
VAULT_KEYS: Final = generate_key()

_FILL: Final = """
local prefix, w, first, count = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local now, step, n = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local record = { unpack(ARGV, 8, 7 + n) }
local member = { unpack(ARGV, 8 + n) }
for i = first, first + count - 1 do
  local user = string.format('U%010d', i)
  redis.call('HSET', prefix .. 'm:' .. w .. ':' .. user, unpack(member))
  redis.call('SADD', prefix .. 'members:' .. w, user)
  redis.call('ZADD', prefix .. 'due:' .. w, string.format('%.0f', now + (i - first) * step), user)
end
redis.call('HSET', prefix .. 'ws:' .. w, unpack(record))
redis.call('SADD', prefix .. 'workspaces', w)
redis.call('ZADD', prefix .. 'ready', now, w)
redis.call('HSET', prefix .. 'pace:' .. w, 'photo', now, 'profile', now, 'publish', now, 'background', now)
redis.call('SETBIT', prefix .. 'worn:' .. w, 9 * 1024 - 1, 1)
"""
"""Redis writes them itself: a million members in seconds."""


def vault() -> Vault:
    return Vault(KeyRing(Secret(VAULT_KEYS)))


def credential(*, rotating: bool) -> Credential:
    """Tokens of the lengths that Slack's have: 76 characters, or 166 and 147 of a pair that rotates."""
    scopes = SCOPES[:2]
    if not rotating:
        return Credential(access_token=Secret("xoxp-" + "N" * 71), scopes=scopes)
    return Credential(
        access_token=Secret("xoxe.xoxp-" + "N" * 156),
        refresh_token=Secret("xoxe-" + "N" * 142),
        expires_at=NOW_MS // 1000 + 12 * HOUR,
        scopes=scopes,
    )


def settled(sealed: bytes, *, pack: str = PACKS[0], zone: str = ZONES[0], shuffled: bool = True) -> Member:
    """A member who authorised, chose a frequency and a pack, and was rotated some fifty times."""
    return Member(
        version=57,
        epoch=1,
        fence=56,
        credential=sealed,
        credential_at=NOW_MS,
        frequency=4 * HOUR,
        frequency_at=NOW_MS,
        pack=pack,
        pack_at=NOW_MS,
        wish_at=NOW_MS if shuffled else 0,
        picture=f"{CATALOGUE}/{pack}/123",
        previous=f"{CATALOGUE}/{pack}/417",
        next=f"{CATALOGUE}/{pack}/238",
        position=300,
        rotated_at=NOW_MS,
        our_hash=AVATAR_HASH,
        image_url=f"{SLACK_PHOTOS}2026-11-22/7654321098765_a1b2c3d4e5f6a7b8c9d0_512.jpg",
        own=OwnPhoto(hash="b1b2c3d4e5f6", name="b1b2c3d4e5f6a7b8c9d0e1"),
        zone=zone,
        joined_at=NOW_MS,
    )


def workspace_record(sealed: bytes, *, limits: str = "") -> WorkspaceRecord:
    return WorkspaceRecord(
        version=3,
        epoch=1,
        app="A0BENCHMARK",
        name="A workspace of some size",
        credential=sealed,
        credential_at=NOW_MS,
        bot_user="U0123456789",
        limits=limits,
    )


def flat(record: Member | WorkspaceRecord) -> list[str | bytes]:
    """The fields and values of a record's hash."""
    if isinstance(record, Member):
        put = {**changes(MEMBER_FIELDS, Member(), record)[0], "vh": VIEW_HASH}
    else:
        put = changes(WORKSPACE_FIELDS, WorkspaceRecord(), record)[0]
    return [part for pair in put.items() for part in pair]


def workspace_name(number: int) -> Workspace:
    return Workspace(f"T{number:08d}")


def fill(
    server: Server,
    *,
    workspaces: int,
    each: int,
    rotating: bool = False,
    due_ms: int = NOW_MS + HOUR * 1000,
    step_ms: int = 977,
    limits: str = "",
) -> None:
    """`each` members in each of `workspaces`, due from `due_ms` on, one each `step_ms` of a workspace.

    Their credentials open for one member only: all have the same bytes.
    """
    owner = Owner("member", "T00000000", "U0000000000")
    sealed = seal_credential(vault(), credential(rotating=rotating), owner)
    bot = seal_credential(vault(), credential(rotating=False), Owner("bot", "T00000000"))
    record = flat(workspace_record(bot, limits=limits))
    kinds = [
        flat(settled(sealed, pack=pack, zone=zone, shuffled=shuffled))
        for pack, zone, shuffled in product(PACKS, ZONES, (True, False))
    ]
    with server.client() as client:
        script = client.register_script(_FILL)
        for number in range(workspaces):
            name = workspace_name(number)
            prefix = keys.tag(keys.partition_of(name))
            member = kinds[number % len(kinds)]
            script(args=[prefix, name, number * each, each, due_ms, step_ms, len(record), *record, *member])


def enrol(
    server: Server,
    *,
    teams: Iterable[Workspace],
    each: int,
    member: Callable[[int], Member],
    limits: str = "",
    due_ms: int | None = None,
) -> Sequence[tuple[Workspace, User]]:
    """Members with credentials of their own, ready for the real processes; due at `due_ms`, or idle."""
    safe, token = vault(), credential(rotating=False)
    enrolled = []
    with server.client() as client, client.pipeline(transaction=False) as pipe:
        run: Callable[..., object] = pipe.execute_command
        for team in teams:
            prefix = keys.tag(keys.partition_of(team))
            bot = seal_credential(safe, token, Owner("bot", team))
            run("HSET", keys.workspace(team), *flat(workspace_record(bot, limits=limits)))
            pipe.sadd(prefix + "workspaces", team)
            for number in range(each):
                user = User(f"U{number:010d}")
                sealed = seal_credential(safe, token, Owner("member", team, user))
                record = msgspec.structs.replace(member(number), credential=sealed)
                run("HSET", keys.member(team, user), *flat(record))
                pipe.sadd(keys.members(team), user)
                if due_ms is not None:
                    run("ZADD", keys.due(team), due_ms, user)
                enrolled.append((team, user))
            if due_ms is not None:
                run("ZADD", keys.ready(keys.partition_of(team)), due_ms, team)
            pipe.execute()
    return enrolled
