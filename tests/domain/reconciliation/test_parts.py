"""A report of more lines than a frame has: in parts of a few it comes to what it comes to as a whole."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
import pytest

from domain import invariants
from domain.books import ledger
from domain.models import Finding, Payment, Report, SettlementLine
from domain.pse import registry
from domain.pse.reporting import REPORT_SCHEMA
from domain.pse.vocabulary import Returned, Succeeded
from domain.reconciliation import known, near
from domain.reconciliation.parts import parts_of
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from domain.settlements import frames, reports
from tests.kit.factories import CAUSE, Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, of_nobody, settled

pytestmark = pytest.mark.usefixtures("books")
MEMORY: Final = Path("/dev/shm")
AT: Final = "2026-11-{:02}T12:00:00+00:00"
NAMES: Final = ("pi_1", "pi_2", "pi_3", "pi_4", "pi_5", "pi_6", "ch_6", "pi_7", "pi_8")


@dataclass(frozen=True)
class Came:
    """What came of the nights of a shop, without its ids."""

    lines: list[tuple[Any, ...]]
    books: dict[str, int]
    findings: list[tuple[Any, ...]]
    totals: list[Any]
    taken: list[tuple[str, int]]


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Switch to parts of so many lines."""

    def switch(lines: int) -> None:
        monkeypatch.setattr(frames, "LINES_MAX", lines)
        monkeypatch.setattr(frames, "WHOLE_BYTES_MAX", 0)
        monkeypatch.setattr(frames, "WHOLE_LINES_MAX", 0)
        monkeypatch.setattr(known, "FEW_LINES", 0)
        monkeypatch.setattr(near, "COST_MAX", 1e9)
        monkeypatch.setattr(near, "ASKED", 1)  # of each part the first name
        monkeypatch.setattr(reports, "FEW", 0)
        if MEMORY.is_dir():  # thousands of files of one line: a disk would take longer than all the rest
            monkeypatch.setattr(tempfile, "tempdir", str(MEMORY))

    return switch


async def _world() -> tuple[Shop, dict[str, Payment]]:
    shop = await a_shop(pse="lab")
    made = {}
    for number, name in enumerate(NAMES):
        order = f"order-{'twice' if number in (3, 4) else number}"
        made[name] = await a_payment(shop, amount=20_000 + number, days_ago=0, reference=name, order=order)
    return shop, made


def _named(payment: Payment, kind: str, amount: int, *state: str, **more: Any) -> dict[str, Any]:
    return a_line(payment, kind, amount, *state, booked_at=AT.format(20), **more)


def _left(payment: Payment, amount: int, name: str, *state: str) -> dict[str, Any]:
    """A line of a refund that names none."""
    return _named(payment, "REFUND", amount, *state, reference=name, by_amount=True)


def _first(of: dict[str, Payment]) -> list[dict[str, Any]]:
    captures = [
        _named(of[name], "CAPTURE", of[name].captured, **settled("190.00", fee="-10.00"))
        for name in ("pi_1", "pi_2", "pi_4", "pi_5", "pi_7")
    ]
    in_halves = [_named(of["pi_3"], "CAPTURE", 10_000, reference=f"part-{half}") for half in ("a", "b")]
    twice = _named(of["pi_6"], "CAPTURE", of["pi_6"].captured, payment_alias="ch_6")
    by_alias = _named(of["ch_6"], "CHARGEBACK", 900, payment_reference="unknown", payment_alias="ch_6")
    of_order = {"payment_reference": None, "order_reference": "order-0"}
    orders = [
        _named(of["pi_1"], "CHARGEBACK", 77, **of_order, reference="d-1"),
        _named(of["pi_1"], "CHARGEBACK", 78, **{**of_order, "order_reference": "order-twice"}, reference="d-2"),
        _named(of["pi_1"], "CHARGEBACK", 79, **{**of_order, "order_reference": "nobody's"}, reference="d-3"),
    ]
    equal = [_left(of["pi_2"], 3_000, name) for name in ("one", "two", "three")]
    fees = [of_nobody("FEE", "-1.00", booked_at=AT.format(20)) for _ in range(3)]
    return [
        *captures,
        _named(of["pi_1"], "REFUND", 4_000, pse_refund_reference="R1"),
        *equal[:2],
        _named(of["pi_7"], "REFUND", 2_000, pse_refund_reference="R7"),  # a refund in rows
        *fees[:2],
        *in_halves,
        twice,
        by_alias,
        _named(of["pi_1"], "REFUND", 4_000, pse_refund_reference="R1"),  # told twice
        *orders,
        equal[2],
        _named(of["pi_7"], "REFUND", 600, pse_refund_reference="R7"),
        _named(of["pi_8"], "CAPTURE", 500, currency="USD", **settled("5.00", "USD")),
        _named(of["pi_8"], "CAPTURE", 700, payment_reference="unheard-of", **settled("7.00")),
        _named(of["pi_8"], "CAPTURE", 701, payment_reference="unheard-of-2"),
        _named(of["pi_7"], "CAPTURE", 19_999),
        of_nobody("PAYOUT", "-50.00", payout_reference="po_1", booked_at=AT.format(20)),
        of_nobody("OTHER", "-0.30", booked_at=AT.format(20)),
        fees[2],
        _named(of["pi_5"], "REFUND", 1_000, "RETURNED", pse_refund_reference="R5"),
    ]


def _second(of: dict[str, Payment]) -> list[dict[str, Any]]:
    """Of another date: some of the same, and what came back."""
    return [
        _left(of["pi_2"], 3_000, "back", "RETURNED"),
        of_nobody("FEE", "-1.00", booked_at=AT.format(20)),
        _named(of["pi_1"], "CAPTURE", of["pi_1"].captured, **settled("190.00", fee="-10.00")),
        _named(of["pi_4"], "REFUND", 444, pse_refund_reference="R4"),
        *(_named(of["pi_7"], "REFUND", 400, pse_refund_reference="R7") for _ in range(2)),  # the rest, and once more
        of_nobody("PAYOUT", "-50.00", payout_reference="po_1", booked_at=AT.format(20)),
        _named(of["pi_1"], "REFUND", 4_000, "RETURNED", pse_refund_reference="R1"),
    ]


async def _played(shop: Shop, of: dict[str, Payment]) -> Came:
    refunds = [await a_refund(shop, of[name], amount) for name, amount in (("pi_1", 4_000), ("pi_2", 3_000))]
    await an_answer(refunds[0], Succeeded("R1"))
    await an_answer(refunds[1], Succeeded("R2"))
    await an_answer(await a_refund(shop, of["pi_7"], 3_000), Succeeded("R7"))
    other = await a_refund(shop, of["pi_5"], 1_000)
    await an_answer(other, Succeeded("R5"))
    await record(other.id, Returned("NO_ACCOUNT", "It came back.", "R5"), Source(Door.LOOK_UP), CAUSE)
    await a_night(shop, *_first(of), days=-1, name="first")
    await a_night(shop, *_second(of), days=-1, name="second")
    await a_night(shop, *_first(of)[:-2], days=-1, name="first")  # revised: it tells less
    await a_night(shop, *_first(of)[:-2], days=-1, name="first")
    return await _came(shop)


async def _came(shop: Shop) -> Came:
    whose: dict[Any, str] = {one.id: one.pse_reference for one in await Payment.filter(merchant_id=shop.id)}
    stored = await Report.filter(merchant_id=shop.id).order_by("created_at")
    names = {one.id: place for place, one in enumerate(stored)}
    lines = [
        (names[line.report_id], line.line, line.type, line.effect, line.booked_as, whose.get(line.payment_id),
         line.refund_id is not None, line.voided_at is not None, line.amount)
        for line in await SettlementLine.filter(report_id__in=list(names))
    ]  # fmt: skip
    found = await Finding.filter(merchant_id=shop.id)
    return Came(
        sorted(lines),
        {f"{one.account}/{one.currency}": one.balance for one in await ledger.balances(shop.id)},
        sorted((one.kind, one.amount, one.currency, one.resolved_at is not None) for one in found),
        [one.totals for one in stored],
        sorted((one.pse_reference, one.taken_by_bank) for one in await Payment.filter(merchant_id=shop.id)),
    )


async def test_a_report_in_parts_comes_to_the_same_as_in_one(in_parts: Any) -> None:
    registry.register(Telling())
    whole = await _played(*await _world())
    assert {"CAPTURE", "REFUND", "TAKEN", "TAKEN_BACK", "CHARGEBACK", "NONE"} <= {line[3] for line in whole.lines}
    assert len({kind for kind, *_ in whole.findings}) > 5
    in_rows = [line[8] for line in whole.lines if (line[3], line[5], line[7]) == ("REFUND", "pi_7", False)]
    assert sorted(in_rows) == [400, 600, 2_000]
    for lines in (4, 1):
        in_parts(lines)
        assert await _played(*await _world()) == whole
    assert await invariants.check() == []


async def test_the_same_report_in_parts_is_recognised(in_parts: Any) -> None:
    registry.register(Telling())
    shop, of = await _world()
    in_parts(5)
    await a_night(shop, *_first(of), days=-1)
    before = await Report.get()
    assert before.known is not None
    await a_night(shop, *_first(of), days=-1)
    await a_night(shop, *_first(of), days=-1)
    assert (await Report.get()).known is not None
    assert (await Report.get()).id == before.id


async def test_what_is_known_of_the_parts_is_what_is_known_of_the_whole(
    in_parts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.register(Telling())
    shop, of = await _world()
    for name, amount in (("pi_1", 4_000), ("pi_5", 1_000)):
        await an_answer(await a_refund(shop, of[name], amount), Succeeded(f"R{name[-1]}"))
    await a_night(shop, *_second(of), days=-1, name="second")
    texts = {"booked_at": pl.String(), "business_date": pl.String()}
    lines = pl.DataFrame(_first(of), schema={**REPORT_SCHEMA, **texts}).with_columns(
        pl.col("booked_at").str.to_datetime(time_unit="us", time_zone="UTC"),
        pl.col("business_date").str.to_date(strict=False),
        line=pl.int_range(pl.len()),
    )
    whole = await known.known_of(shop.connection, "first", lines)
    in_parts(5)
    kept = frames.Frames(tmp_path)
    for some in lines.iter_slices(5):
        kept.add(some)
    for most in (2, 1 / 8, 0):  # times as many payments of these days as names: more than there are, fewer, and none
        monkeypatch.setattr(near, "FEW_MAX", most)
        parts = list(await parts_of(shop.connection, "first", kept))
        assert sorted(line for some, _ in parts for line in some["line"]) == lines["line"].to_list()
        for name in known.Known.__slots__:
            told = {repr(row) for _, one in parts for row in getattr(one, name).rows()}
            assert told == {repr(row) for row in getattr(whole, name).rows()} != set(), (most, name)


def test_frames_in_files_are_what_they_are_in_memory_and_are_gone_when_they_are_forgotten(tmp_path: Any) -> None:
    made = pl.DataFrame({"line": [1, 2, 3], "name": ["a", None, ""]})
    kept = frames.Frames(tmp_path)
    for _ in range(2):
        kept.add(made)
    assert (kept.height, len(kept), len(list(tmp_path.iterdir()))) == (6, 2, 2)
    assert all(one.equals(made) for one in kept)
    changed = kept.changed(lambda some: some.head(1))
    assert changed.together(lambda some: some).rows() == [(1, "a"), (1, "a")]
    changed.forget()
    assert (list(tmp_path.iterdir()), list(kept)) == ([], [])
