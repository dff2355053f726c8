"""How workers start, stop, crash and complain: real processes, real signals."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.patience import SECONDS

PRELUDE = """
import asyncio, sys
from rotavatar.errors import ConfigurationError
from rotavatar.process import Life, run
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin(serve: str, *, grace: float = 5) -> subprocess.Popen[str]:
        script = tmp_path / f"worker{len(started)}.py"
        script.write_text(f"{PRELUDE}\n{serve}\nsys.exit(run('rotator', serve, grace={grace}))\n")
        process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, list[dict[str, str]], str]:
    out, err = process.communicate(timeout=SECONDS)
    return process.returncode, [json.loads(line) for line in out.splitlines() if line.startswith("{")], err


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert word in process.stdout.readline()


GRACEFUL = """
async def claims(life):
    print("up", flush=True)
    while await life.pause(60):
        pass
    await asyncio.sleep(0.2)
    print("finished", flush=True)

async def clock():
    try:
        await asyncio.sleep(3600)
    finally:
        print("clock off", flush=True)

async def serve(life):
    await life.supervise({"claims": claims(life)}, background={"clock": clock()})
"""


SETTLED = """
import gc

async def work(life):
    print("few" if len(gc.get_objects()) < 10_000 else "many", "frozen" if gc.get_freeze_count() > 10_000 else "thawed")

async def serve(life):
    await life.supervise({"work": work(life)})
"""


def test_what_a_process_starts_with_is_in_no_later_garbage_collection(start):
    out, _ = start(SETTLED).communicate(timeout=SECONDS)
    assert "few frozen" in out.splitlines()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_work_finish_and_then_ends_what_never_would(start, sent):
    process = start(GRACEFUL)
    wait_for(process, "up")
    process.send_signal(sent)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert out.index('"stopping"') < out.index("finished") < out.index("clock off") < out.index('"stopped"')
    assert sent.name in out
    assert err == ""


STUBBORN = """
async def serve(life):
    print("up", flush=True)
    await asyncio.sleep(3600)
"""


def test_work_that_does_not_stop_is_cancelled_after_its_grace(start):
    process = start(STUBBORN, grace=0.3)
    wait_for(process, "up")
    begin = time.monotonic()
    process.terminate()
    code, events, _ = ended(process)
    assert code == 1
    assert 0.3 <= time.monotonic() - begin < 5
    assert events[-1]["event"] == "stopped late"


def test_a_second_signal_does_not_wait_for_the_grace(start):
    process = start(STUBBORN, grace=60)
    wait_for(process, "up")
    process.terminate()
    wait_for(process, "stopping")
    process.terminate()
    begin = time.monotonic()
    assert ended(process)[0] == 1
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("place", ["work", "background"])
def test_a_crash_of_any_task_ends_the_process_with_its_name_in_the_log(start, place):
    crashing, steady = ("{'broken': broken()}", "{'steady': steady()}")
    work, background = (crashing, steady) if place == "work" else (steady, crashing)
    process = start(f"""
async def broken():
    await asyncio.sleep(0.05)
    raise RuntimeError("the sky fell")

async def steady():
    try:
        await asyncio.sleep(3600)
    finally:
        print("cancelled", flush=True)

async def serve(life):
    await life.supervise({work}, background={background})
""")
    out, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    crash = next(json.loads(line) for line in out.splitlines() if '"task crashed"' in line)
    assert (crash["task"], crash["process"], crash["level"]) == ("broken", "rotator", "error")
    assert "the sky fell" in crash["exception"]
    assert "cancelled" in out


def test_a_crash_outside_of_tasks_is_logged_too(start):
    code, events, err = ended(start("async def serve(life):\n    raise RuntimeError('at once')"))
    assert (code, err) == (1, "")
    assert "at once" in events[-1]["exception"]


@pytest.mark.parametrize(
    "raising",
    [
        "raise ConfigurationError('ROTAVATAR_PORT must be a number.\\nROTAVATAR_HOST is missing.')",
        (
            "wrong = [ConfigurationError(f'ROTAVATAR_{end}') for end in ('PORT must be a number.', 'HOST is missing.')]"
            "; raise ExceptionGroup('x', [wrong[0], ExceptionGroup('y', wrong[1:])])"
        ),
    ],
)
def test_wrong_settings_are_told_in_a_sentence_each_without_a_traceback(start, raising):
    code, events, err = ended(start(f"async def serve(life):\n    {raising}"))
    assert code == 2
    assert err == "ROTAVATAR_PORT must be a number.\nROTAVATAR_HOST is missing.\n"
    assert events == []


def test_a_wrong_setting_found_inside_a_task_is_told_the_same_way(start):
    process = start("""
async def listening():
    raise ConfigurationError("ROTAVATAR_METRICS_PORT is taken.")

async def serve(life):
    await life.supervise({"metrics": listening()})
""")
    code, events, err = ended(process)
    assert (code, err, events) == (2, "ROTAVATAR_METRICS_PORT is taken.\n", [])


def test_a_wrong_setting_beside_a_crash_is_a_crash(start):
    process = start("""
async def serve(life):
    raise ExceptionGroup("x", [ConfigurationError("one"), RuntimeError("two")])
""")
    code, events, _ = ended(process)
    assert code == 1
    assert "two" in events[-1]["exception"]


def test_a_process_whose_work_is_done_ends_by_itself(start):
    process = start("""
async def once():
    print("done", flush=True)

async def serve(life):
    await life.supervise({"once": once()}, background={"ever": asyncio.sleep(3600)})
""")
    out, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert "done" in out
