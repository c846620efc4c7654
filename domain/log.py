"""Structured logs, and nothing in them that opens a door or names a person."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from domain.settings import Settings

_SECRET_NAMES: Final = re.compile(r"(?i)(secret|token|password|authorization|api_?key|cookie)")
_PATTERNS: Final = (
    (re.compile(r"(?i)(bearer|basic)\s+[a-z0-9._~+/=-]{8,}"), r"\1 [redacted]"),
    (re.compile(r"est_[A-Za-z0-9_-]{20,}"), "[token]"),
    (re.compile(r"(\w+://[^:/@\s]+):[^@/\s]+@"), r"\1:[redacted]@"),
    (re.compile(r"(/webhooks/[0-9a-f-]{36}/)[^/\s\"]+"), r"\1[redacted]"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "[e-mail]"),
    # CPF and CNPJ, with or without their punctuation; a bare run of digits only when it stands alone.
    (re.compile(r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b"), "[cpf]"),
    (re.compile(r"\b[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-\d{2}\b"), "[cnpj]"),
    (re.compile(r"(?<![\w.-])(?:\d{11}|\d{14})(?![\w.-])"), "[tax id]"),
    (re.compile(r"(?<![\w.-])\d{18}(?![\w.-])"), "[clabe]"),
)


def redacted(text: str) -> str:
    """`text` without secrets and personal numbers."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if _SECRET_NAMES.search(name):
            event[name] = "[redacted]"
        elif isinstance(value, str):
            event[name] = redacted(value)
        elif isinstance(value, dict | list | tuple):
            event[name] = redacted(repr(value))
    return event


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
