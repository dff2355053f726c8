"""The informer tells every change once, what went while nobody watched included."""

import asyncio
from collections.abc import AsyncIterator

from rotavatar.errors import Unavailable
from slacktenant_operator.cluster import Expired, ListMetadata, Metadata, Named, Page, Partial, Refused
from slacktenant_operator.secrets_informer import SecretsInformer

Event = tuple[str, Metadata]


def meta(name: str, version: str, uid: str = "u") -> Metadata:
    return Metadata(name=name, namespace="n", uid=uid, resource_version=version)


class Script:
    """A cluster that lists and streams what the test wrote down; then it streams nothing for ever."""

    def __init__(self, lists: list[list[Metadata] | Exception], streams: list[list[Event | Exception]]) -> None:
        self.lists, self.streams = lists, streams
        self.since: list[str] = []
        self.exhausted = asyncio.Event()

    async def secrets(self, _namespace: str | None) -> AsyncIterator[Page]:
        found = self.lists.pop(0)
        if isinstance(found, Exception):
            raise found
        yield Page(metadata=ListMetadata(resource_version="100"), items=[Partial(each) for each in found])

    async def watch_secrets(self, _namespace: str | None, since: str) -> AsyncIterator[Event]:
        self.since.append(since)
        if not self.streams:
            self.exhausted.set()
            await asyncio.Event().wait()
        for event in self.streams.pop(0):
            if isinstance(event, Exception):
                raise event
            yield event


async def told(script: Script) -> tuple[list[str], SecretsInformer]:
    names: list[str] = []

    def changed(secret: Named, *, is_news: bool) -> None:
        names.append(secret.name + "!" * is_news)

    informer = SecretsInformer(script, [None], changed=changed)  # type: ignore[arg-type]
    running = asyncio.create_task(informer.run())
    await asyncio.wait_for(script.exhausted.wait(), 30)
    running.cancel()
    return names, informer


async def test_changes_are_told_and_streams_go_on_where_they_ended() -> None:
    script = Script(
        [[meta("a", "1"), meta("b", "2")]],
        [
            [("MODIFIED", meta("a", "101")), ("BOOKMARK", Metadata(resource_version="150"))],
            [("DELETED", meta("b", "151")), ("ADDED", meta("c", "152")), ("ADDED", meta("c", "152"))],
        ],
    )
    names, informer = await told(script)
    assert sorted(names[:2]) == ["a", "b"]
    assert names[2:] == ["a!", "b!", "c!"]
    assert script.since == ["100", "150", "152"]
    assert informer.filled
    assert informer.identity(Named("n", "a")) == "u/101"
    assert informer.identity(Named("n", "b")) == ""


async def test_what_changed_between_two_lists_is_told() -> None:
    script = Script(
        [[meta("a", "1"), meta("b", "2"), meta("c", "3")], [meta("a", "1"), meta("c", "9", uid="another")]],
        [[Expired("410")]],
    )
    names, informer = await told(script)
    assert sorted(names[3:]) == ["b!", "c!"]
    assert informer.identity(Named("n", "c")) == "another/9"


async def test_an_api_server_that_is_away_is_waited_for() -> None:
    script = Script([Unavailable("away"), Refused("knows no rights yet"), [meta("a", "1")]], [])
    names, informer = await told(script)
    assert names == ["a"]
    assert informer.filled
