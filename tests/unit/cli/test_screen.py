import io
import json

from rotavatar_cli.dev.screen import Screen


def shown(*lines: tuple[str, str], colour: bool = False, terminal: bool = False, raw: bool = False) -> str:
    out = io.StringIO()
    screen = Screen(out, colour=colour, terminal=terminal, raw=raw)
    for name, line in lines:
        screen.line(name, line)
    return out.getvalue()


def event(**fields: object) -> str:
    return json.dumps({"timestamp": "2026-11-22T12:00:00Z", "level": "info", "process": "rotator", **fields})


def test_an_event_is_a_line_with_its_process_before_it() -> None:
    line = shown(("rotator", event(event="photo changed", user="U1", wish="", seconds=1.5)))
    assert line.split() == [line[:8], "rotator", "photo", "changed", "user=U1", "wish=", "seconds=1.5"]
    assert line.endswith("\n")


def test_without_colours_a_warning_says_so_in_words() -> None:
    assert " WARNING jobs not read\n" in shown(("rotator", event(event="jobs not read", level="warning")))
    assert "WARNING" not in shown(("rotator", event(event="jobs not read", level="warning")), colour=True)


def test_a_traceback_stands_below_its_event() -> None:
    rows = shown(("rotator", event(event="crashed", level="error", exception="Traceback\nKilled"))).splitlines()
    assert [row.strip() for row in rows[1:]] == ["Traceback", "Killed"]


def test_what_is_no_event_is_shown_as_it_is() -> None:
    for line in ("Slack is simulated at http://127.0.0.1:1", "[1, 2]", "{broken", '"text"'):
        assert line in shown(("slack", line))


def test_json_is_passed_on() -> None:
    line = event(event="photo changed")
    assert shown(("rotator", line), raw=True) == f"{line}\n"


def test_with_json_every_line_is_json() -> None:
    out = io.StringIO()
    screen = Screen(out, colour=False, terminal=False, raw=True)
    screen.line("slack", "Slack is simulated at http://127.0.0.1:1")
    screen.line("valkey", "1:M 22 Nov 2026 21:23:11.123 * Ready")
    screen.line("catalogue", "drew 1 of 1 avatars")
    screen.box("Rotavatar is running", ["Open http://127.0.0.1:1"])
    screen.say("rotator works again")
    screen.announce("http://127.0.0.1:1")
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [each["process"] for each in told] == ["slack", "valkey", "dev", "dev", "dev"]
    assert told[-1]["event"] == "ready"
    assert told[-1]["page"] == "http://127.0.0.1:1"


def test_valkey_speaks_only_of_what_matters() -> None:
    notice = "16101:M 22 Nov 2026 21:23:11.123 * Ready to accept connections tcp"
    advice = "16101:C 22 Nov 2026 21:23:11.123 # WARNING Memory overcommit must be enabled! Without it, ..."
    trouble = "16101:M 22 Nov 2026 21:23:11.123 # Can't save in background: fork: Cannot allocate memory"
    assert shown(("valkey", notice), ("valkey", advice)) == ""
    assert "Can't save in background" in shown(("valkey", trouble))


def test_progress_moves_on_a_terminal_and_is_said_at_each_tenth_elsewhere() -> None:
    steps = [("catalogue", f"drew {done} of 100 avatars") for done in range(1, 101)]
    said = shown(*steps).splitlines()
    assert len(said) == 11
    assert said[-1].endswith("done=100 total=100")
    moving = shown(*steps[:50], terminal=True)
    assert "\n" not in moving
    assert moving.endswith("50/100")
    assert shown(*steps, terminal=True).endswith("total=100\n")


def test_a_reader_who_is_gone_ends_nothing() -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    Screen(Gone(), colour=False, terminal=False).say("still here")


def test_the_box_holds_every_line_at_one_width() -> None:
    out = io.StringIO()
    Screen(out, colour=True, terminal=False).box("Ready", ["Open http://127.0.0.1:8300", "Stop"])
    rows = [row.removeprefix("\x1b[1;32m").removesuffix("\x1b[0m") for row in out.getvalue().splitlines() if row]
    assert len({len(row) for row in rows}) == 1
    assert any("Open http://127.0.0.1:8300" in row for row in rows)
