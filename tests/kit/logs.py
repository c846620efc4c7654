"""The product's own logging, for as long as a test reads it."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from domain.platform import log
from domain.platform.settings import Settings


@contextmanager
def logged_as(settings: Settings) -> Iterator[io.StringIO]:
    """All that is logged meanwhile, as in production. The tests behind it log as they did before."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers, root.level
    log.configure(settings)
    structlog.configure(cache_logger_on_first_use=False)  # else a module's logger keeps for good what it has found
    handler, stream = root.handlers[0], io.StringIO()
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    try:
        yield stream
    finally:
        root.handlers = handlers
        root.setLevel(level)
        structlog.configure(**before)
