"""Structured logs, and nothing in them that opens a door or names a person."""

import logging
import re
import sys
from collections.abc import MutableMapping
from itertools import islice
from typing import Any, Final

import structlog

from domain.platform.settings import Settings

_SECRET_NAMES: Final = re.compile(r"(?i)(secret|token|password|authorization|api_?key|cookie)")
# A line of the log is to be read by a person; what a stranger sends must not make it long, or slow to redact.
_VALUE_CHARACTERS_MAX: Final = 2_000
_TRACEBACK_CHARACTERS_MAX: Final = 20_000
_LONGEST_SECRET: Final = 300
_CUT: Final = "... [cut]"
_PARTS_MAX: Final = 50  # of a list or an object
# Every repeat that others follow is bounded, so that redacting takes time in proportion to the text, whatever it is.
_PATTERNS: Final = (
    (re.compile(r"(?i)(bearer|basic)\s{1,20}[a-z0-9._~+/=-]{8,}"), r"\1 [redacted]"),
    (re.compile(r"est_[A-Za-z0-9_-]{20,}"), "[token]"),
    (re.compile(r"whsec_[A-Za-z0-9+/=_-]{8,200}"), "[secret]"),
    (re.compile(r"(\w{1,20}://[^:/@\s]{1,100}):[^@/\s]{1,300}@"), r"\1:[redacted]@"),
    (re.compile(r"(/webhooks/[0-9a-f-]{36}/)[^/\s\"]+"), r"\1[redacted]"),
    (re.compile(r"(/refund-destination/)[^/\s\"?]+"), r"\1[redacted]"),
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]+"), "[e-mail]"),
    # CPF and CNPJ, with or without their punctuation; a bare run of digits only when it stands alone.
    (re.compile(r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b"), "[cpf]"),
    (re.compile(r"\b[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-\d{2}\b"), "[cnpj]"),
    (re.compile(r"(?<![\w.-])(?:\d{11}|\d{14})(?![\w.-])"), "[tax id]"),
    (re.compile(r"(?<![\w.-])\d{18}(?![\w.-])"), "[clabe]"),
)


def redacted(text: str, characters_max: int = _VALUE_CHARACTERS_MAX) -> str:
    """`text`, cut to so many characters, without secrets and personal numbers."""
    cut = len(text) > characters_max
    text = text[:characters_max]
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    # Half a secret at the end would not be known for one, so the end goes too.
    return text[:-_LONGEST_SECRET] + _CUT if cut else text


def _redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if _SECRET_NAMES.search(name):
            event[name] = "[redacted]"
        elif isinstance(value, str):
            # A traceback is ours, and long by nature.
            event[name] = redacted(value, _TRACEBACK_CHARACTERS_MAX if name == "exception" else _VALUE_CHARACTERS_MAX)
        elif isinstance(value, dict | list | tuple):
            event[name] = redacted(_shown(value))
    return event


def _shown(value: object, depth: int = 4) -> str:
    """Like `repr`, but what stands under a secret's name is hidden, and no part is longer than a line may be."""
    if isinstance(value, str):
        return repr(redacted(value))
    if isinstance(value, dict) and depth:
        return "{" + ", ".join(_item(name, one, depth) for name, one in islice(value.items(), _PARTS_MAX)) + "}"
    if isinstance(value, list | tuple) and depth:
        return "[" + ", ".join(_shown(one, depth - 1) for one in islice(value, _PARTS_MAX)) + "]"
    return repr(value) if isinstance(value, int | float | None) else _shown(str(value))


def _item(name: object, value: object, depth: int) -> str:
    said = redacted(str(name))
    return f"{said!r}: " + ("'[redacted]'" if _SECRET_NAMES.search(said) else _shown(value, depth - 1))


def _console() -> structlog.dev.ConsoleRenderer:
    # Plain tracebacks: the pretty ones print local variables, and those hold secrets.
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def configure(settings: Settings) -> None:
    """Route our logs and those of the libraries through the same processors to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact,
    ]
    renderer = structlog.processors.JSONRenderer() if settings.log_format == "json" else _console()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level.upper())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "arq", "apscheduler", "tortoise", "httpx"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
    # Every request is in our own log or in the call log; a second line each would only hide the others.
    # httpcore and hpack even tell the headers, and those hold keys.
    for name in ("httpx", "httpcore", "hpack", "h2", "apscheduler", "uvicorn.access", "tortoise"):
        logging.getLogger(name).setLevel(logging.WARNING)
