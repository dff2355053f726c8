"""Logs are one JSON object per event, from every library, and never show a token."""

import io
import json
import logging
import warnings

import pytest
import structlog

from rotavatar.telemetry import REDACTED, configure, redact

TOKENS = [
    "xoxb-1-canary",
    "xoxp-123-456-canary",
    "xoxe-1-canary",
    "xoxe.xoxb-1-canary",
    "xoxe.xoxp-1-canary",
    "xapp-1-A1-canary",
    "Bearer canary.abc~x+/=",
    "bearer canary",
    "Basic Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5",
    "https://hooks.slack.com/commands/T1/1/canary",
    "https://hooks.slack-gov.com/actions/T1/1/canary",
]


@pytest.fixture(autouse=True)
def _restore():
    root, level = logging.getLogger(), logging.getLogger().level
    handlers = root.handlers
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def out():
    return io.StringIO()


def events(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("token", TOKENS)
def test_whatever_looks_like_a_token_is_taken_out(token):
    for text in (token, f"before {token}", f'{{"a": "{token}"}}', f"({token})"):
        assert "canary" not in redact(text)
        assert "Y2FuYXJ5" not in redact(text)
        assert REDACTED in redact(text)


@pytest.mark.parametrize("text", ["", "Basic settings are missing", "T123ABC456 U123ABC456", "xoxo", "bearer"])
def test_ordinary_text_stays(text):
    assert redact(text) == text


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("token", TOKENS)
def test_no_token_reaches_the_log_by_any_way(out, log_format, token):
    configure("rotator", log_format=log_format, stream=out)
    log = structlog.get_logger()
    said = f"event {token}"
    log.info(said, field=token, nested={"deep": [token, token.encode()]}, unknown=Exception(token))
    logging.getLogger("some.library").warning("said %s", token)
    try:
        secret = token
        raise ValueError(f"broke on {secret}")
    except ValueError:
        log.exception("crashed")
        logging.getLogger("asyncio").exception("crashed")
    assert "canary" not in out.getvalue()
    assert "Y2FuYXJ5" not in out.getvalue()
    assert out.getvalue().count("ValueError") >= 2


def test_an_event_is_one_json_object_with_the_process_and_the_time(out):
    configure("publisher", log_format="json", stream=out)
    structlog.get_logger().info("published", workspace="T1", member="U1", count=2)
    (event,) = events(out)
    assert str(event.pop("timestamp")).endswith("Z")
    assert event == {
        "event": "published",
        "level": "info",
        "process": "publisher",
        "workspace": "T1",
        "member": "U1",
        "count": 2,
    }


def test_bound_context_is_part_of_every_event(out):
    configure("publisher", log_format="json", stream=out)
    with structlog.contextvars.bound_contextvars(workspace="T1"):
        structlog.get_logger().info("one")
        logging.getLogger("library").warning("two")
    assert [event["workspace"] for event in events(out)] == ["T1", "T1"]


def test_logging_never_raises_on_odd_values(out):
    configure("rotator", log_format="json", stream=out)
    structlog.get_logger().info("odd", key={(1, 2): 3}, half="\ud800", thing=object(), number=float("nan"), raw=b"\xff")
    assert events(out)[0]["event"] == "odd"


def test_other_libraries_log_the_same_way_and_their_access_logs_not_at_all(out):
    configure("ingress_api", log_format="json", stream=out)
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("uvicorn.access").warning('GET /slack/oauth_redirect?code=canary "200"')
    logging.getLogger("httpx").info("HTTP Request")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    with warnings.catch_warnings(action="always"):
        logging.captureWarnings(capture=True)
        warnings.warn("old thing", UserWarning, stacklevel=1)
    first, second = events(out)
    assert (first["event"], first["logger"], first["process"]) == (
        "Invalid HTTP request received.",
        "uvicorn.error",
        "ingress_api",
    )
    assert "old thing" in str(second["event"])


def test_an_exception_is_told_without_local_variables(out):
    for log_format in ("json", "text"):
        configure("rotator", log_format=log_format, stream=out)
        try:
            own_photo = "CANARY".lower()
            raise RuntimeError("unrelated to", len(own_photo))
        except RuntimeError:
            structlog.get_logger().exception("crashed")
    assert out.getvalue().count("unrelated to") >= 2
    assert "canary" not in out.getvalue()


def test_the_level_and_the_format_can_be_set_again(out):
    configure("rotator", log_format="json", level="error", stream=out)
    log = structlog.get_logger()
    log.info("unseen")
    configure("rotator", log_format="text", level="debug", stream=out)
    log.debug("seen", workspace="T1")
    assert "unseen" not in out.getvalue()
    assert "seen" in out.getvalue()
    assert "workspace=T1" in out.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_auto_is_coloured_text_on_a_terminal_and_json_elsewhere(out):
    terminal = Terminal()
    configure("rotator", stream=terminal)
    structlog.get_logger().info("rotated")
    assert "\x1b[" in terminal.getvalue()
    configure("rotator", stream=out)
    structlog.get_logger().info("rotated")
    assert events(out)[0]["event"] == "rotated"
