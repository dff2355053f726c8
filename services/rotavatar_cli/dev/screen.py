"""What a person, or a script, sees of `rotavatar dev`: one line for each event, whoever it comes from."""

import re
import sys
from datetime import datetime
from typing import Any, TextIO

import msgspec

PREFIX_WIDTH = 11
EVENT_WIDTH = 30
COLOURS = {
    "dev": "1;37",
    "valkey": "31",
    "slack": "35",
    "ingress_api": "36",
    "rotator": "33",
    "publisher": "34",
    "catalogue": "32",
    "kubernetes": "94",
    "operator": "95",
}
LEVELS = {"debug": "2", "warning": "33", "error": "1;31", "critical": "1;31"}
KNOWN_FIELDS = ("event", "level", "timestamp", "process", "exception")
DREW = re.compile(r"drew (\d+) of (\d+) avatars")
VALKEY_LINE = re.compile(r"\d+:[A-Z] .{20,28}\d ([.*#-]) (.*)")
BAR = 24


class Screen:
    """Writes lines to `out`; on a terminal with a line of progress below them."""

    def __init__(self, out: TextIO = sys.stdout, *, colour: bool, terminal: bool, raw: bool = False) -> None:
        """`raw` passes the lines of the processes on as they are (JSON)."""
        self._out = out
        self._colour = colour
        self._terminal = terminal
        self._raw = raw
        self._status = ""
        self._tenths = -1

    def say(self, text: str, *, level: str = "info", **fields: object) -> None:
        """Say something of our own."""
        if self._raw:
            self._write(msgspec.json.encode({"event": text, "level": level, "process": "dev", **fields}).decode())
        else:
            self._write(self._event("dev", {"event": text, "level": level, **fields}))

    def announce(self, page: str) -> None:
        """Say that all is ready: the line that a script waits for."""
        if self._raw:
            self.say("ready", page=page)
        else:
            self._write(f"ready {page}")

    def line(self, name: str, line: str) -> None:
        """Show a line that the process `name` wrote."""
        if name == "catalogue" and (drew := DREW.fullmatch(line)):
            self._progress(int(drew[1]), int(drew[2]))
        elif self._raw:
            fields = _fields_of(line)
            self._write(line if len(fields) > 1 else msgspec.json.encode({**fields, "process": name}).decode())
        elif name == "valkey":
            self._valkey(line)
        else:
            self._write(self._event(name, _fields_of(line)))

    def box(self, title: str, lines: list[str]) -> None:
        """Show people what they have been waiting for."""
        if self._raw:
            return
        width = max(len(title) + 2, *(len(line) for line in lines)) + 2
        if not self._colour:
            self._write("\n".join([title, *(f"  {line}" for line in lines)]))
            return
        rows = [f"╭─ {title} {'─' * (width - len(title) - 3)}╮"]
        rows += [f"│ {line.ljust(width - 1)}│" for line in ["", *lines, ""]]
        rows += [f"╰{'─' * width}╯"]
        self._write("\n".join(["", *(self._paint(row, "1;32") for row in rows), ""]))

    def plain(self, lines: list[str]) -> None:
        """Show people lines that they may copy as they are."""
        if not self._raw:
            self._write("\n".join([*lines, ""]))

    def clear(self) -> None:
        """Take the line of progress away."""
        self._status = ""
        self._write(None)

    def paint(self, text: str, name: str) -> str:
        """Colour `text` as everything of the process `name` is coloured."""
        return self._paint(text, COLOURS.get(name, "0"))

    def _valkey(self, line: str) -> None:
        """Of what Valkey says on a good day nothing matters here, its advice for a whole machine neither."""
        found = VALKEY_LINE.fullmatch(line)
        if found is None or (found[1] == "#" and "overcommit" not in found[2]):
            self._write(self._event("valkey", {"event": found[2] if found else line}))

    def _progress(self, done: int, total: int) -> None:
        if self._terminal:
            filled = BAR * done // total
            self._status = (
                "" if done == total else f"drawing avatars {'━' * filled}{'┄' * (BAR - filled)} {done}/{total}"
            )
            self._write(None)
        tenths = 10 * done // total
        if done == total or (not self._terminal and tenths != self._tenths):
            self.say("avatars drawn", done=done, total=total)
        self._tenths = tenths

    def _event(self, name: str, fields: dict[str, Any]) -> str:
        level = str(fields.get("level", "info"))
        time = _local_time(fields.get("timestamp"))
        event = str(fields.get("event", "")).ljust(EVENT_WIDTH)
        told = " ".join(
            f"{self._paint(key, '2')}={_short(value)}" for key, value in fields.items() if key not in KNOWN_FIELDS
        )
        prefix = self._paint(name.ljust(PREFIX_WIDTH), COLOURS.get(name, "0"))
        marked = self._paint(event, LEVELS.get(level, "0"))
        warned = "" if self._colour or level in ("info", "debug") else f"{level.upper()} "
        line = f"{self._paint(time, '2')} {prefix} {warned}{marked} {told}".rstrip()
        exception = fields.get("exception")
        return line + "".join(f"\n{' ' * 9}{row}" for row in str(exception).splitlines()) if exception else line

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and code != "0" else text

    def _write(self, text: str | None) -> None:
        erase = "\r\x1b[K" if self._terminal else ""
        line = "" if text is None else f"{text}\n"
        try:
            self._out.write(f"{erase}{line}{self._status}")
            self._out.flush()
        except BrokenPipeError:  # whoever read along is gone; what runs is not ended by that
            return


def _fields_of(line: str) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {"event": line}
    return fields


def _local_time(timestamp: object) -> str:
    try:
        told = datetime.fromisoformat(str(timestamp)).astimezone()
    except ValueError:
        told = datetime.now().astimezone()
    return told.strftime("%H:%M:%S")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return repr(text) if " " in text else text
