"""Keyset pages over the real database: nothing skipped, nothing repeated, and cursors that are checked."""

import base64
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tortoise.queryset import QuerySet

from api.graphql.transport.paging import Connection, Position, page, position_of
from domain.models import Merchant
from domain.problems import InvalidInput

START = datetime(2026, 3, 31, 12, tzinfo=UTC)
moments = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(9000, 1, 1), timezones=st.just(UTC))


@given(moments, st.one_of(st.uuids(), st.integers(-(2**63), 2**63 - 1)))
def test_a_cursor_stands_for_its_position_to_the_microsecond(moment: datetime, row_id: UUID | int) -> None:
    assert position_of(Position(moment, row_id).cursor()) == Position(moment, row_id)


@given(st.one_of(st.text(max_size=80), st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_any_other_text_is_refused_or_is_exactly_a_cursor(text: str) -> None:
    with suppress(InvalidInput):
        assert position_of(text).cursor() == text.rstrip("=")


@pytest.mark.parametrize(
    "text", ["", "0", "arrayconnection:1", "é", "A" * 10_000, Position(START, 1).cursor() + "AAAA"]
)
def test_a_malformed_cursor_says_what_to_send(text: str) -> None:
    with pytest.raises(InvalidInput, match="opaque"):
        position_of(text)


async def merchants(number: int, *, each: timedelta = timedelta(0)) -> list[Merchant]:
    """So many rows, `each` apart; of the same moment unless told."""
    return [
        await Merchant.create(
            id=uuid4(), name=f"m{index}", country="BR", zone="America/Sao_Paulo", created_at=START + index * each
        )
        for index in range(number)
    ]


async def walked(query: QuerySet[Merchant], first: int, *, newest_first: bool = True) -> list[str]:
    """The names on all pages, in order."""
    names: list[str] = []
    after: str | None = None
    while True:
        found = await page(query, first, after, lambda row: row.name, newest_first=newest_first)
        names.extend(edge.node for edge in found.edges)
        assert found.page_info.end_cursor == (found.edges[-1].cursor if found.edges else None)
        if not found.page_info.has_next_page:
            return names
        assert len(found.edges) == first
        after = found.page_info.end_cursor


@pytest.mark.usefixtures("books")
class TestPagesOfTheDatabase:
    @pytest.mark.parametrize("first", [1, 2, 3, 7, 100])
    async def test_give_every_row_once_newest_first(self, first: int) -> None:
        await merchants(7, each=timedelta(microseconds=1))
        assert await walked(Merchant.all(), first) == [f"m{index}" for index in reversed(range(7))]

    async def test_give_every_row_once_oldest_first(self) -> None:
        await merchants(7, each=timedelta(hours=1))
        assert await walked(Merchant.all(), 2, newest_first=False) == [f"m{index}" for index in range(7)]

    @pytest.mark.parametrize("first", [1, 3, 10])
    async def test_give_rows_of_the_same_moment_once(self, first: int) -> None:
        await merchants(10)
        names = await walked(Merchant.all(), first)
        assert sorted(names) == sorted({f"m{index}" for index in range(10)})

    async def test_do_not_move_when_rows_come_in_between(self) -> None:
        await merchants(4, each=timedelta(hours=1))
        one = await page(Merchant.all(), 2, None, lambda row: row.name)
        await Merchant.create(id=uuid4(), name="new", country="BR", zone="UTC", created_at=START + timedelta(days=1))
        two = await page(Merchant.all(), 2, one.page_info.end_cursor, lambda row: row.name)
        assert [edge.node for edge in (*one.edges, *two.edges)] == ["m3", "m2", "m1", "m0"]

    async def test_keep_the_filter_of_the_query(self) -> None:
        await merchants(6, each=timedelta(hours=1))
        assert await walked(Merchant.filter(name__in=["m1", "m4", "m5"]), 1) == ["m5", "m4", "m1"]

    async def test_know_whether_there_is_a_next_one(self) -> None:
        await merchants(2)
        assert (await self._first(1)).page_info.has_next_page
        assert not (await self._first(2)).page_info.has_next_page
        assert not (await self._first(100)).page_info.has_next_page

    async def test_of_nothing_are_empty(self) -> None:
        found = await self._first(10)
        assert (found.edges, found.page_info.end_cursor, found.page_info.has_next_page) == ([], None, False)

    @staticmethod
    async def _first(first: int) -> Connection[str]:
        return await page(Merchant.all(), first, None, lambda row: row.name)

    async def test_are_1_to_100_long(self) -> None:
        for first in (0, -1, 101, 2**31 - 1):
            with pytest.raises(InvalidInput, match="between 1 and 100"):
                await self._first(first)

    async def test_of_another_kind_of_id_do_not_take_the_cursor(self) -> None:
        with pytest.raises(InvalidInput, match="another list"):
            await page(Merchant.all(), 1, Position(START, 1).cursor(), lambda row: row.name)
