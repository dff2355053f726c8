"""What `rotavatar doctor` looks at: everything that the settings name, and what to do where it does not work."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Final

import msgspec

from rotavatar.catalogue import Library
from rotavatar.errors import ConfigurationError, RotavatarError, SlackBusy, SlackError, VaultError
from rotavatar.keyring import KeyRing
from rotavatar.keys import User, Workspace
from rotavatar.photo_store import open_photo_store
from rotavatar.settings import (
    PROCESSES,
    CatalogueSettings,
    PhotoSettings,
    PublicSettings,
    SlackSettings,
    VaultSettings,
)
from rotavatar.slack import SlackAddresses, SlackClient
from rotavatar.store.server import ServerFacts
from rotavatar.vault import Owner, Vault
from rotavatar_cli.outside import OK, REDIRECTS, Seen, look
from rotavatar_cli.sealing import SealedRecords
from rotavatar_cli.session import Environment, opened

OLDEST: Final = {"redis": (7, 0), "valkey": (8, 0)}
LISTPACK: Final = 512
"""Bytes: a member's record holds a sealed token of up to 283 bytes. Above the limit a record takes twice the memory."""

SAMPLE: Final = 20
NONSENSE: Final = "rotavatar-doctor"
"""A code that Slack never gave out: what it says about that comes after its look at the client secret."""
PROBE: Final = b"rotavatar doctor was here"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. `state`: ok, advice (works, but …) or fault (does not work)."""

    subject: str
    state: str
    sentence: str


async def examine(environment: Environment, *, outside: bool) -> list[Finding]:
    """Look at everything, one after another; changes nothing."""
    problems = _problems(environment)
    found = [Finding("settings", "fault", problem) for problem in problems]
    if not problems:
        found.append(Finding("settings", "ok", "complete for every process"))
    looks = {"redis": _redis, "vault": _vault, "photos": _photos, "catalogue": _catalogue, "slack": _slack}
    for subject, looking in (looks | ({"public": _public} if outside else {})).items():
        try:
            found += [Finding(subject, state, sentence) async for state, sentence in looking(environment)]
        except ConfigurationError as error:
            if not set(str(error).splitlines()) <= set(problems):
                found.append(Finding(subject, "fault", str(error)))
        except RotavatarError as error:
            found.append(Finding(subject, "fault", str(error)))
    return found


Said = AsyncIterator[tuple[str, str]]


def _problems(environment: Environment) -> list[str]:
    """What is missing or wrong in the settings of any process, a sentence each."""
    problems: dict[str, None] = {}
    for kind in PROCESSES.values():
        try:
            environment.load(kind)
        except ConfigurationError as error:
            problems.update(dict.fromkeys(str(error).splitlines()))
    return list(problems)


async def _redis(environment: Environment) -> Said:
    async with opened(environment) as stores:
        for server in await stores.servers.facts():
            version = ".".join(map(str, server.version))
            if server.version < OLDEST.get(server.name, (0,)):
                yield "fault", f"{server.name} {version} is too old: use Redis 7.0 or Valkey 8.0, or newer"
            else:
                yield (
                    "ok",
                    f"{server.name} {version} answers"
                    + (", as part of a cluster" if server.clustered else ", a single server"),
                )
            for said in _options(server):
                yield said


def _options(server: ServerFacts) -> Iterator[tuple[str, str]]:
    if server.options is None:
        yield (
            "advice",
            (
                "does not tell its options: see that it has appendfsync always, maxmemory-policy noeviction and "
                f"hash-max-listpack-value {LISTPACK}"
            ),
        )
        return
    told = server.options
    persistence = {
        ("yes", "always"): ("ok", "appendfsync is always: what was acknowledged survives a crash"),
        ("yes", "everysec"): (
            "advice",
            "appendfsync is everysec: a crash can lose about two seconds of acknowledged clicks; always loses none",
        ),
        ("yes", "no"): ("fault", "appendfsync is no: a crash loses what was acknowledged; set it to always"),
    }
    yield persistence.get(
        (told.get("appendonly", ""), told.get("appendfsync", "")),
        ("fault", "appendonly is no: a restart loses schedules and tokens; set appendonly yes and appendfsync always"),
    )
    policy = told.get("maxmemory-policy", "")
    if policy == "noeviction":
        yield "ok", "maxmemory-policy is noeviction: when full it refuses, and Slack asks again"
    else:
        yield "fault", f"maxmemory-policy is {policy}: when full it would drop tokens in silence; set noeviction"
    limit = int(told.get("hash-max-listpack-value", "0"))
    if limit < LISTPACK:
        yield (
            "advice",
            f"hash-max-listpack-value is {limit}: members take twice the memory; set it to {LISTPACK} before the first",
        )


async def _vault(environment: Environment) -> Said:
    ring = KeyRing(environment.load(VaultSettings).keys)
    vault = Vault(ring)
    yield "ok", f"key {ring.sealing.id} seals, {len(ring.ids)} open"
    opened_count = 0
    async with opened(environment) as stores:
        async for item in SealedRecords(stores).members():
            try:
                vault.open(item.blob, item.owner)
            except VaultError as error:
                yield "fault", f"the token of {item.owner.user} in {item.owner.workspace} does not open: {error}"
                return
            opened_count += 1
            if opened_count == SAMPLE:
                break
    if opened_count:
        yield "ok", f"a sample of {opened_count} tokens opens"
    probe = Owner("member", "T0", "U0")
    if vault.open(vault.seal(b"probe", probe), probe) != b"probe":
        yield (
            "fault",
            "what is sealed does not open again: the keys are damaged, make new ones with `rotavatar keys new`",
        )


async def _photos(environment: Environment) -> Said:
    settings = environment.load(PhotoSettings)
    store = open_photo_store(settings.store_url, Vault(KeyRing(environment.load(VaultSettings).keys)))
    ref = await store.put(PROBE, workspace=Workspace("DOCTOR"), user=User("PROBE"))
    same = await store.get(ref) == PROBE
    await store.delete(ref)
    if not same:
        yield "fault", f"{settings.store_url} does not give back what was put there: use another store"
        return
    yield "ok", f"{settings.store_url} can be written, read and deleted from"


async def _catalogue(environment: Environment) -> Said:
    folder = environment.load(CatalogueSettings).folder
    catalogue = Library(folder).current
    drawn = sum(catalogue.drawn(pack) for pack in catalogue.packs)
    promised = sum(pack.size for pack in catalogue.packs.values())
    if catalogue.complete:
        yield "ok", f"catalogue {catalogue.id}: {len(catalogue.packs)} packs, {drawn} pictures"
    elif drawn:
        yield (
            "advice",
            f"catalogue {catalogue.id}: {drawn} of {promised} pictures; finish it with `rotavatar catalogue draw`",
        )
    else:
        yield "fault", f"catalogue {catalogue.id} holds no pictures: draw them with `rotavatar catalogue draw`"


async def _slack(environment: Environment) -> Said:
    settings = environment.load(SlackSettings)
    addresses = SlackAddresses(settings.base_url)
    async with SlackClient(addresses) as slack:
        try:
            await slack.oauth_access(
                client_id=settings.client_id, client_secret=settings.client_secret.reveal(), code=NONSENSE
            )
        except SlackBusy as error:
            yield (
                "fault",
                (
                    f"{settings.base_url} does not answer ({error.code}): see that this machine may reach it, and "
                    "https://slack-status.com"
                ),
            )
            return
        except SlackError as error:
            code = error.code
    yield "ok", f"{settings.base_url} answers" + ("" if addresses.is_slack else ", a simulated Slack")
    if code in ("invalid_code", "code_already_used"):
        yield "ok", f"app {settings.app_id}: Slack knows the client id and takes the client secret"
    else:
        yield (
            "fault",
            (
                f"app {settings.app_id}: Slack says {code}; compare ROTAVATAR_SLACK_CLIENT_ID and "
                "ROTAVATAR_SLACK_CLIENT_SECRET with *Basic Information* of the app"
            ),
        )


async def _public(environment: Environment) -> Said:
    url = environment.load(PublicSettings).url
    simulated = not SlackAddresses(environment.load(SlackSettings).base_url).is_slack
    if not url.startswith("https://") and not simulated:
        yield "fault", f"{url} is not https, and Slack accepts nothing else: put TLS in front of ingress_api"
    seen = await asyncio.to_thread(look, url)
    for said in _seen(url, seen, simulated=simulated):
        yield said


def _seen(url: str, seen: Seen, *, simulated: bool) -> Iterator[tuple[str, str]]:
    if seen.problem:
        yield "fault", f"{url}: {seen.problem}"
        return
    if seen.private and not simulated:
        yield "fault", f"{url} leads to {', '.join(seen.addresses)}, which Slack cannot reach from outside"
    if seen.page == OK:
        yield "ok", f"{url} shows its page without a login" + (", over TLS" if url.startswith("https://") else "")
    elif seen.page in REDIRECTS:
        yield "fault", f"{url} redirects to {seen.location[:80]}: Slack and visitors must get in without a login"
    else:
        yield "fault", f"{url} answers {seen.page} and not the page of ingress_api: see where that address leads"
    if 400 <= seen.events < 500 and seen.events not in (404, 405):  # noqa: PLR2004 - HTTP's own numbers
        yield "ok", f"{url}/slack/events refuses what Slack has not signed"
    else:
        yield "fault", f"{url}/slack/events answers {seen.events} to what is not signed: ingress_api is not behind it"
