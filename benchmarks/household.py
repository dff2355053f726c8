"""What the real processes need to run: settings, a catalogue, members."""

import json
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec.structs

from benchmarks.population import NOW_MS, VAULT_KEYS, enrol, settled, workspace_name
from benchmarks.rig import ROOT
from rotavatar import keys
from rotavatar.catalogue import MAX_PER_PACK, Catalogue
from rotavatar.keys import User, Workspace
from rotavatar.pacing import Limit, Limits
from rotavatar.records import Member
from rotavatar_catalogue.making import Order, make
from tests.servers import Server

SIGNING_SECRET: Final = "a-signing-secret-of-the-benchmarks"
APP_ID: Final = "A0BENCHMARK"
PACK: Final = "critters"
FOLDER: Final = ROOT / ".cache/bench-catalogue"

_FAST: Final = Limit(per_minute=60_000, burst=5_000)
OPEN: Final = Limits(photo=_FAST, profile=_FAST, publish=_FAST, background=_FAST).packed()
"""Limits that are never met."""


def catalogue() -> Catalogue:
    """One whole pack, drawn the first time."""
    return make(Order(folder=FOLDER, packs=(PACK,), workers=2))


def environ(
    *, redis: str, slack: str, folder: Path, public_url: str = "https://rotavatar.example.org"
) -> dict[str, str]:
    """Settings of all processes; `folder` holds the photo store."""
    return {
        "ROTAVATAR_REDIS_URL": redis,
        "ROTAVATAR_PUBLIC_URL": public_url,
        "ROTAVATAR_SLACK_BASE_URL": slack,
        "ROTAVATAR_SLACK_APP_ID": APP_ID,
        "ROTAVATAR_SLACK_CLIENT_ID": "1234.5678",
        "ROTAVATAR_SLACK_CLIENT_SECRET": "a-client-secret-of-the-benchmarks",
        "ROTAVATAR_SLACK_SIGNING_SECRET": SIGNING_SECRET,
        "ROTAVATAR_VAULT_KEYS": VAULT_KEYS,
        "ROTAVATAR_CATALOGUE_DIR": str(FOLDER),
        "ROTAVATAR_PHOTO_STORE_URL": str(folder / "photos"),
        "ROTAVATAR_LOG_FORMAT": "json",
    }


def move_in(
    server: Server, *, teams: int, each: int, first: int = 0, limits: str = OPEN, due_ms: int | None = None
) -> Sequence[tuple[Workspace, User]]:
    """Settled members of `teams` workspaces from number `first` on, each wearing one picture and promised the next."""
    drawn = catalogue()
    names = [workspace_name(number) for number in range(first, first + teams)]
    members = enrol(
        server,
        teams=names,
        each=each,
        member=lambda number: _dressed(drawn, number, each),
        limits=limits,
        due_ms=due_ms,
    )
    ordinal = drawn.packs[PACK].ordinal * MAX_PER_PACK
    worn = bytearray(ordinal // 8 + MAX_PER_PACK // 8)
    for bit in range(ordinal, ordinal + min(2 * each, drawn.drawn(PACK))):
        worn[bit // 8] |= 0x80 >> bit % 8
    with server.client() as client:
        for name in names:
            client.set(keys.worn(name), bytes(worn))
    return members


def counts(stub: str) -> dict[str, int]:
    """Calls that the stub of Slack has answered, by method."""
    with urllib.request.urlopen(f"{stub}/counts", timeout=10) as answer:
        return dict(json.load(answer))


def _dressed(drawn: Catalogue, number: int, each: int) -> Member:
    there = drawn.drawn(PACK)
    return msgspec.structs.replace(
        settled(b"", pack=PACK),
        picture=f"{drawn.id}/{PACK}/{number % there}",
        previous="",
        next=f"{drawn.id}/{PACK}/{(each + number) % there}",
        rotated_at=NOW_MS - 10**9,
    )
