"""The servers that the other tests trust."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.network import NetworkForbiddenError
from tests.servers import Cluster, Server, server_version


def test_server_is_set_up_as_shipped(redis_server: Server) -> None:
    with redis_server.client() as client:
        assert client.config_get("appendfsync") == {"appendfsync": "always"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("hash-max-listpack-value") == {"hash-max-listpack-value": "512"}
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_next_test_finds_an_empty_server(redis_server: Server) -> None:
    with redis_server.client() as client:
        assert client.dbsize() == 0


def test_both_families_are_tested(valkey: Server) -> None:
    assert server_version(valkey.binary) >= (8, 0)


def test_write_outlives_a_crash(own_server: Callable[..., Server]) -> None:
    server = own_server()
    with server.client() as client:
        client.set("kept", "yes")
    server.kill()
    assert not server.running
    server.start()
    with server.client() as client:
        assert client.get("kept") == b"yes"


def test_paused_server_holds_its_answer_until_resumed(own_server: Callable[..., Server]) -> None:
    server = own_server()
    with redis.Redis(port=server.port, socket_timeout=0.2, retry=Retry(NoBackoff(), 0)) as impatient:
        impatient.ping()
        server.pause()
        with pytest.raises(redis.TimeoutError):
            impatient.ping()
        server.resume()
        assert impatient.ping()


def test_option_is_passed_on(own_server: Callable[..., Server]) -> None:
    with own_server(appendfsync="everysec").client() as client:
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}


def test_cluster_refuses_keys_of_two_slots(cluster: Cluster) -> None:
    began = time.monotonic()
    with redis.RedisCluster.from_url(cluster.url) as client:
        assert len(client.get_primaries()) == 3
        client.set("{p01}:a", 1)
    node = cluster.nodes[0]
    with pytest.raises(redis.ResponseError, match="hash to the same slot"):
        node.command("MSET", "{p01}:a", 1, "{p02}:b", 2)
    assert time.monotonic() - began < 5


FAR = ("203.0.113.7", 80)


@pytest.mark.parametrize(
    "reach",
    [
        lambda _: socket.create_connection(FAR, timeout=1),
        lambda at: at.connect(FAR),
        lambda at: at.connect_ex(FAR),
        lambda at: at.sendto(b"x", FAR),
        lambda at: at.sendto(b"x", 0, FAR),
        lambda at: at.sendmsg([b"x"], [], 0, FAR),
        lambda _: socket.getaddrinfo("slack.com", 443),
        lambda _: socket.getaddrinfo(host="slack.com", port=443),
        lambda _: socket.gethostbyname("slack.com"),
        lambda _: socket.gethostbyname_ex("slack.com"),
    ],
)
def test_no_test_reaches_another_machine(reach: Callable[[socket.socket], object]) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as at, pytest.raises(NetworkForbiddenError):
        reach(at)


async def test_no_event_loop_reaches_another_machine() -> None:
    with pytest.raises(NetworkForbiddenError):
        await asyncio.open_connection("slack.com", 443)
    with pytest.raises(NetworkForbiddenError):
        await asyncio.open_connection(*FAR)


def test_the_guard_is_not_called_where_a_traced_thread_begins() -> None:
    """See `stay_on_this_machine`: one thread in some thousands died of it, and a page waited for its file."""
    script = """
import sys
from tests.network import stay_on_this_machine
events = []
sys.addaudithook(lambda event, _: events.append(event))
stay_on_this_machine()
sys.settrace(None)
print("sys.addaudithook" in events, "sys.settrace" in events)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "False True\n"
