"""No command of ours can have an answer without a bound: every one in stores and scripts, as it is written."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bounds import LEFT_OPEN, unbounded

SERVICES = Path(__file__).parents[2] / "services"
SCRIPTS = sorted((SERVICES / "rotavatar/redis/lua").glob("*.lua"))
MODULES = [*sorted((SERVICES / "rotavatar/store").glob("*.py")), SERVICES / "rotavatar/redis/topology.py"]
WHOLE = {"snapshot.lua": 2, "workspaces.py": 1, "apps.py": 2}
"""Where HGETALL reads a record. Its key is known only at run time: tests/faults/test_redis_answers.py looks at it."""

Command = tuple[str, list[str]]
"""Where it stands, and its words."""


def in_script(path: Path) -> Iterator[Command]:
    text = "\n".join(line.partition("--")[0] for line in path.read_text().splitlines())
    for begin in re.finditer(r"redis\.p?call\(", text):
        yield f"{path.name}:{text[: begin.start()].count(chr(10)) + 1}", [*_words_of_call(text[begin.end() :])]


def _words_of_call(text: str) -> Iterator[str]:
    """The arguments at the beginning of `text`, up to the parenthesis that ends the call."""
    depth, word = 0, ""
    for sign in text:
        if sign == ")" and depth == 0:
            break
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(sign, 0)
        if sign == "," and depth == 0:
            yield _lua_word(word)
            word = ""
        else:
            word += sign
    yield _lua_word(word)


def _lua_word(source: str) -> str:
    literal = re.fullmatch(r"\s*(?:'([^']*)'|(-?\d+))\s*", source)
    return next((part for part in literal.groups() if part is not None), "") if literal else LEFT_OPEN


def in_module(path: Path) -> Iterator[Command]:
    """The arguments of every `….execute(…)`; a store names the partition first."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "execute":
            words = [_python_word(argument) for argument in node.args]
            at = next((place for place, word in enumerate(words) if word.isupper()), None)
            if at is not None:
                yield f"{path.name}:{node.lineno}", words[at:]
            elif not any(isinstance(argument, ast.Starred) for argument in node.args):
                yield f"{path.name}:{node.lineno}", words


def _python_word(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else LEFT_OPEN


def commands() -> list[Command]:
    return [found for path in SCRIPTS for found in in_script(path)] + [
        found for path in MODULES for found in in_module(path)
    ]


def test_every_command_of_a_store_or_script_has_a_bounded_answer() -> None:
    found = commands()
    assert len(found) > 100
    assert [(place, words, why) for place, words in found if (why := unbounded(words))] == []


def test_whole_hashes_are_read_only_where_they_are_records() -> None:
    counted: dict[str, int] = {}
    for place, words in commands():
        if words[0] == "HGETALL":
            file = place.partition(":")[0]
            counted[file] = counted.get(file, 0) + 1
    assert counted == WHOLE


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("redis.call('KEYS', prefix .. '*')", True),
        ("redis.call('SMEMBERS', prefix .. 'members:' .. w)", True),
        ("redis.call('ZRANGE', KEYS[1], 0, -1)", True),
        ("redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE')", True),
        ("redis.call('ZRANGE', KEYS[1], '-inf', f(now, 1), 'BYSCORE', 'LIMIT', 0, 100000)", True),
        ("redis.call('XRANGE', KEYS[1], '-', '+')", True),
        ("redis.pcall('SSCAN', KEYS[1], 0)", True),
        ("redis.call('ZRANGE', KEYS[1], '-inf', f(now, 1), 'BYSCORE', 'LIMIT', 0, most)", False),
        ("redis.call('ZRANGE', due, 0, free, 'WITHSCORES')", False),
    ],
)
def test_the_search_finds_what_has_no_bound(tmp_path: Path, line: str, refused: bool) -> None:
    script = tmp_path / "one.lua"
    script.write_text(f"#!lua\nlocal answer = {line} -- redis.call('KEYS')\n")
    (found,) = in_script(script)
    assert (unbounded(found[1]) is not None) is refused
    module = tmp_path / "one.py"
    module.write_text('redis.execute(3, "SSCAN", key, 0, *["COUNT"])\nredis.execute(3, "SMEMBERS", key)\n')
    assert [unbounded(words) is not None for _, words in in_module(module)] == [True, True]
