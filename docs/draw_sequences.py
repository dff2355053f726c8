"""Draws the sequences of docs/architecture.md: `docs/sequences/<name>.txt` becomes `docs/images/sequence-<name>.svg`.

A description is lines of text, drawn from top to bottom:

    title: What is drawn
    actors: key Name | key Name | …        from left to right
    key -> key: text                       a call
    key --> key: text                      an answer
    key: text                              what one of them does by itself
    == text                                what holds from here on

The same text gives the same bytes. Colours follow the reader's light or dark setting.
"""

import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).parent

COLUMN: Final = 208
MARGIN: Final = 24
HEAD: Final = 40
LINE: Final = 17
LETTER: Final = 6.5
"""Width of an average letter at 12.5 px, in the widest of the fonts named below."""

STYLE: Final = """\
:root { color-scheme: light dark }
text { font: 12.5px system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif; fill: #1f2430 }
.title { font-size: 15px; font-weight: 600 } .name { font-weight: 600 } .name, .middle { text-anchor: middle }
.paper { fill: #fbfbfd; stroke: #d9dce5 } .actor { fill: #e8ecfb; stroke: #5966c9 }
.act { fill: #fff6dc; stroke: #b98b1d }
.label { text-anchor: middle; paint-order: stroke; stroke: #fbfbfd; stroke-width: 4px; stroke-linejoin: round }
.life { stroke: #b9bdca; stroke-dasharray: 3 4 } .call { stroke: #3a46a8; stroke-width: 1.5; fill: none }
.answer { stroke-dasharray: 6 4 } .tip { fill: #3a46a8 } .bar { fill: #eceef4 }
@media (prefers-color-scheme: dark) {
text { fill: #e6e8f0 } .paper { fill: #16181f; stroke: #343846 } .actor { fill: #262c4d; stroke: #8d98f0 }
.act { fill: #3a3116; stroke: #d9b04a } .life { stroke: #545a6b } .call { stroke: #a5aef7 } .tip { fill: #a5aef7 }
.bar { fill: #242833 } .label { stroke: #16181f }
}"""

_CALL = re.compile(r"(?P<source>\w+) (?P<arrow>-->|->) (?P<target>\w+): (?P<text>.+)")
_ACT = re.compile(r"(?P<actor>\w+): (?P<text>.+)")


class Actor(NamedTuple):
    """Who takes part, and the middle of their column."""

    name: str
    x: int


def draw(description: str) -> str:
    """The SVG of a description. Raises ValueError that names the line which means nothing."""
    title, heads, *rest = [line for line in description.splitlines() if line.strip()]
    if not title.startswith("title: ") or not heads.startswith("actors: "):
        raise ValueError("a description begins with `title:` and `actors:`")
    actors = _actors(heads.removeprefix("actors: "))
    width = 2 * MARGIN + COLUMN * len(actors)
    steps: list[str] = []
    y = MARGIN + 24 + HEAD + 26
    for line in rest:
        parts, height = _step(line, actors, y=y, width=width)
        steps += parts
        y += height
    lines = [*_frame(title.removeprefix("title: "), width=width, height=y + 4 + MARGIN)]
    for actor in actors.values():
        lines += _head(actor, bottom=y + 4)
    return "\n".join([*lines, *steps, "</svg>"]) + "\n"


def _frame(title: str, *, width: int, height: int) -> Iterator[str]:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">'
    yield f"<style>\n{STYLE}\n</style>"
    yield f'<rect class="paper" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="10"/>'
    yield f'<text class="title" x="{MARGIN}" y="{MARGIN + 8}">{escape(title)}</text>'


def _head(actor: Actor, *, bottom: int) -> Iterator[str]:
    top = MARGIN + 24
    yield f'<line class="life" x1="{actor.x}" x2="{actor.x}" y1="{top + HEAD}" y2="{bottom}"/>'
    yield f'<rect class="actor" x="{actor.x - 84}" y="{top}" width="168" height="{HEAD - 8}" rx="6"/>'
    yield f'<text class="name" x="{actor.x}" y="{top + 21}">{escape(actor.name)}</text>'


def _actors(heads: str) -> dict[str, Actor]:
    pairs = [head.strip().split(" ", 1) for head in heads.split("|")]
    return {key: Actor(name, MARGIN + COLUMN // 2 + COLUMN * place) for place, (key, name) in enumerate(pairs)}


def _step(line: str, actors: dict[str, Actor], *, y: int, width: int) -> tuple[list[str], int]:
    """What one line draws at `y`, and how high that is."""
    if line.startswith("== "):
        return _bar(line.removeprefix("== "), y=y, width=width)
    call, act = _CALL.fullmatch(line), _ACT.fullmatch(line)
    try:
        if call is not None:
            ends = actors[call["source"]].x, actors[call["target"]].x
            return _arrow(call["text"], ends, y=y, answer=call["arrow"] == "-->")
        if act is not None:
            return _act(act["text"], actors[act["actor"]].x, y=y)
    except KeyError as unknown:
        raise ValueError(f"nobody is called {unknown}: {line}") from None
    raise ValueError(f"not understood: {line}")


def _bar(text: str, *, y: int, width: int) -> tuple[list[str], int]:
    return [
        f'<rect class="bar" x="1" y="{y - 4}" width="{width - 2}" height="24"/>',
        f'<text class="middle" x="{width // 2}" y="{y + 12}">{escape(text)}</text>',
    ], 40


def _arrow(text: str, ends: tuple[int, int], *, y: int, answer: bool) -> tuple[list[str], int]:
    source, target = ends
    words = _wrapped(text, abs(target - source) - 24)
    at = y + LINE * len(words) + 2
    toward = 1 if target > source else -1
    style = "call answer" if answer else "call"
    return [
        *_lines(words, x=(source + target) // 2, y=y + 8, css="label"),
        f'<path class="{style}" d="M{source + 2 * toward} {at}H{target - 8 * toward}"/>',
        f'<path class="tip" d="M{target} {at}l{-9 * toward} -4.5v9z"/>',
    ], LINE * len(words) + 22


def _act(text: str, x: int, *, y: int) -> tuple[list[str], int]:
    words = _wrapped(text, COLUMN - 32)
    height = LINE * len(words) + 10
    return [
        f'<rect class="act" x="{x - COLUMN // 2 + 8}" y="{y - 4}" width="{COLUMN - 16}" height="{height}" rx="5"/>',
        *_lines(words, x=x, y=y + 13, css="middle"),
    ], height + 14


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` pixels; a number stays with its unit."""
    text = re.sub(r"(\d) (s|min)\b", "\\1\N{NO-BREAK SPACE}\\2", text)
    return textwrap.wrap(text, max(12, int(width / LETTER)), break_long_words=False, break_on_hyphens=False)


def _lines(words: Sequence[str], *, x: int, y: int, css: str) -> Iterator[str]:
    for place, line in enumerate(words):
        yield f'<text class="{css}" x="{x}" y="{y + LINE * place}">{escape(line)}</text>'


def pictures() -> dict[Path, str]:
    """Every picture that there should be, by its file."""
    return {
        HERE / "images" / f"sequence-{source.stem}.svg": draw(source.read_text())
        for source in sorted((HERE / "sequences").glob("*.txt"))
    }


if __name__ == "__main__":
    for path, picture in pictures().items():
        path.write_text(picture)
        sys.stdout.write(f"{path.relative_to(HERE.parent)}\n")
