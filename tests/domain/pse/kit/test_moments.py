"""Moments as PSEs write them."""

from datetime import UTC, date, datetime

import pytest

from domain.pse.kit import moments
from domain.pse.kit.unreadable import Unreadable


def test_a_moment_is_read_into_utc_and_written_as_it_was() -> None:
    assert moments.rfc3339("2026-02-03T01:00:00.5-03:00", "horario") == datetime(
        2026, 2, 3, 4, 0, 0, 500_000, tzinfo=UTC
    )
    assert moments.written(datetime(2026, 2, 3, 4, tzinfo=UTC)) == "2026-02-03T04:00:00.000Z"
    assert moments.unix({"created": 1_770_000_000}, "created") == datetime.fromtimestamp(1_770_000_000, UTC)


@pytest.mark.parametrize(
    "value",
    [None, 7, "", "yesterday", "2026-02-03T01:00:00", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00"],
)
def test_a_text_that_is_no_moment_is_named(value: object) -> None:
    with pytest.raises(Unreadable, match="horario"):
        moments.rfc3339(value, "horario")


@pytest.mark.parametrize("value", [None, True, "1", 1.5, 10**30, -(10**30)])
def test_a_number_that_is_no_unix_time_is_named(value: object) -> None:
    with pytest.raises(Unreadable, match="created"):
        moments.unix({"created": value}, "created")


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-02-03T01:00:00", datetime(2026, 2, 3, 1, tzinfo=UTC)),
        ("2026-02-03 01:00:00", datetime(2026, 2, 3, 1, tzinfo=UTC)),
        ("2026-02-03T01:00:00-03:00", datetime(2026, 2, 3, 4, tzinfo=UTC)),
        ("2026-02-30", None),
        ("0001-01-01T00:00:00+14:00", None),
        (7, None),
    ],
)
def test_a_time_without_a_zone_is_of_utc_where_its_document_says_so(written: object, moment: datetime | None) -> None:
    assert moments.or_utc(written) == moment


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-02-03", date(2026, 2, 3)),
        ("2026-02-03 23:59:59", date(2026, 2, 3)),
        ("2026-02-30", None),
        ("20260203", None),
        ("", None),
    ],
)
def test_a_day_is_what_a_text_begins_with(text: str, day: date | None) -> None:
    assert moments.day(text) == day
