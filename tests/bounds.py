"""Which Redis commands answer with a bounded number of things: invariant 8, judged by a command's words.

A command that nobody has thought about is refused: whoever brings one in decides here whether its answer can grow with
the number of workspaces, of members or of jobs.
"""

import re
from collections.abc import Sequence
from typing import Final

MOST: Final = 1_000
"""Things in one answer: some milliseconds of Redis' time, and some hundred kilobytes."""

KEY: Final = {"DEL", "EXISTS", "PEXPIRE", "TIME"}
VALUE: Final = {"GET", "GETBIT", "INCR", "SET", "SETBIT"}
HASH: Final = {"HDEL", "HEXISTS", "HGET", "HINCRBY", "HMGET", "HSET", "HSETNX"}
SET: Final = {"SADD", "SCARD", "SISMEMBER", "SREM"}
SORTED: Final = {"ZADD", "ZCARD", "ZCOUNT", "ZRANK", "ZREM", "ZREMRANGEBYRANK", "ZREMRANGEBYSCORE", "ZSCORE"}
STREAM: Final = {"XACK", "XADD", "XCLAIM", "XDEL", "XGROUP", "XLEN"}
SERVER: Final = {"CLIENT", "CLUSTER", "CONFIG", "EVAL", "EVALSHA", "HELLO", "INFO", "PING"}
ONE_ANSWER: Final = frozenset(KEY | VALUE | HASH | SET | SORTED | STREAM | SERVER)
"""Commands that answer one thing, or one for each that was named in the question."""

COUNTED: Final = frozenset({"SSCAN", "ZSCAN", "XRANGE", "XREADGROUP", "XAUTOCLAIM"})
"""Commands that answer as many as COUNT says, and without it all."""

RECORDS: Final = re.compile(r"rv:\{p\d\d\}:(ws|m):|rv:\{p00\}:(apps|appsources|clock|layout)$")
"""Hashes that are read whole: the fields of a record, and what is known of a handful of Slack apps."""

LEFT_OPEN: Final = "…"
"""Stands for a word that only the running program knows."""


def unbounded(words: Sequence[str]) -> str | None:
    """Why the answer to this command has no bound; None where it has one."""
    command, *rest = words
    command = command.upper()
    upper = [word.upper() for word in rest]
    if command in ONE_ANSWER or (command == "XINFO" and upper[0] in {"GROUPS", "CONSUMERS"}):
        return None
    if command in COUNTED:
        return _limited(upper, "COUNT", 1)
    if command == "XPENDING":
        _key, _group, *interval = rest
        return _few(interval[2]) if interval else None
    if command == "ZRANGE":
        return _limited(upper, "LIMIT", 2) if "BYSCORE" in upper else _few(rest[2])
    if command == "HGETALL":
        return None if rest[0] == LEFT_OPEN or RECORDS.match(rest[0]) else f"{rest[0]} is no record"
    return f"{command} is not known to have a bound"


def _limited(words: Sequence[str], option: str, place: int) -> str | None:
    """Judge the number that stands `place` words behind `option`."""
    return _few(words[words.index(option) + place]) if option in words else f"there is no {option}"


def _few(number: str) -> str | None:
    if number == LEFT_OPEN or 0 <= int(number) <= MOST:
        return None
    return f"{number} is no bound"
