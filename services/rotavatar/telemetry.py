"""Logs: one JSON object per event, or coloured text on a terminal, from structlog and from the standard library alike.

Every line passes one filter that takes out what looks like a token. It is the last defence: nothing should get there.
"""

import logging
import re
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LogFormat = Literal["auto", "json", "text"]

TOKENS = re.compile(
    r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]+"  # bot, user, refresh and rotating tokens
    r"|xapp-[A-Za-z0-9-]+"
    r"|(?i:\bBearer\s+)[A-Za-z0-9._~+/=-]+"
    r"|(?i:\bBasic\s+)[A-Za-z0-9+/]{16,}=*"  # shorter ones are English
    r"|hooks\.slack(?:-gov)?\.com/[A-Za-z0-9/_-]+"  # whoever knows a response_url may post with it
)
REDACTED = "[redacted]"

QUIET = {"uvicorn.access": logging.CRITICAL, "uvicorn.error": logging.WARNING, "httpx": logging.WARNING}
"""Least level of loggers that say too much: an access log would show OAuth codes in addresses."""


class Redacting:
    """Renders an event and takes out what looks like a token, wherever in the line it stands."""

    def __init__(self, render: Processor) -> None:
        """Filter what `render` returns."""
        self._render = render

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        """See structlog's processors."""
        rendered = self._render(logger, name, event)
        return redact(rendered.decode() if isinstance(rendered, bytes) else str(rendered))


def redact(text: str) -> str:
    """Replace everything in `text` that looks like a token or a response_url."""
    return TOKENS.sub(REDACTED, text)


def configure(
    process: str, *, log_format: LogFormat = "auto", level: str = "info", stream: TextIO | None = None
) -> None:
    """Route all logging of this Python process to `stream` (standard output), each event bound to the name `process`.

    `auto` is text on a terminal and JSON elsewhere. May be called again: settings are read after the first events.
    """
    out = sys.stdout if stream is None else stream
    text = log_format == "text" or (log_format == "auto" and out.isatty())
    least = logging.getLevelNamesMapping()[level.upper()]

    def named(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event.setdefault("process", process)
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        named,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if text else "iso", utc=not text),
    ]
    # The console renderer formats exceptions itself; neither form ever shows local variables.
    finishing: list[Processor] = [] if text else [structlog.processors.format_exc_info]
    render = Redacting(_console(colours=out.isatty()) if text else structlog.processors.JSONRenderer(skipkeys=True))
    structlog.configure(
        processors=[*shared, *finishing, render],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    _adopt_standard_logging(out=out, least=least, shared=shared, render=[*finishing, render])


def _console(*, colours: bool) -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=colours, pad_event_to=32, exception_formatter=structlog.dev.plain_traceback
    )


def _adopt_standard_logging(*, out: TextIO, least: int, shared: list[Processor], render: list[Processor]) -> None:
    """Send what uvicorn, asyncio and other libraries log the same way."""
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(least)
    logging.captureWarnings(capture=True)
    for name in ("uvicorn", *QUIET):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(QUIET.get(name, logging.NOTSET))
