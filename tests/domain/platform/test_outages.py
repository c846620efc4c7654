"""Which errors say that PostgreSQL is away, and which that a disk of ours has no room."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from domain.platform.outages import disk_full, unavailable

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


def _by_python() -> None:
    FULL.write_bytes(b"a word")


def _by_polars() -> None:
    pl.LazyFrame({"amount": range(100_000)}).sink_ipc(FULL)


@pytest.mark.parametrize("write", [_by_python, _by_polars])
def test_a_full_disk_is_no_outage_of_postgresql(write: Callable[[], None]) -> None:
    with pytest.raises(OSError, match="No space left") as raised:
        write()
    assert (disk_full(raised.value), unavailable(raised.value)) == (True, False)


def test_a_refused_connection_is_one() -> None:
    assert (disk_full(ConnectionRefusedError()), unavailable(ConnectionRefusedError())) == (False, True)
