"""Thousands of rows under one name, as an odd file may have them: each is looked at once, and is what it would be."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.reconciliation import nobodys_rows, told_rows

_MANY = 6_000
_FIRST = datetime(2026, 11, 2, tzinfo=UTC)


def _rows(number: int, effect: str, **more: Any) -> list[dict[str, Any]]:
    """Rows of as many amounts, which two kinds of report tell in turns."""
    return [
        {
            "refund_id": "R",
            "amount": number + one,
            "kind": "ab"[one % 2],
            "booked_at": _FIRST + timedelta(seconds=one),
            "payout_reference": None,
            "effect": effect,
            "line": one,
            "line_id": one,
            **more,
        }
        for one in range(_MANY)
    ]


def test_rows_of_a_refund_that_are_less_than_it_are_told_apart() -> None:
    here = _rows(1, "NONE", refund_amount=10**12, settled_net=1)
    there = _rows(10**6, "REFUND", booked_as="EFFECT", plain=False)
    said = told_rows.Rows(told_rows.OneMoney(here, there, {})).said()
    # Neither kind tells what the other one does, so none is a part: each kind has told other rows before.
    assert {(one.effect, one.again) for one in said.values()} == {("NONE", True)}
    assert len(said) == _MANY


def test_so_are_those_of_nobody_that_left_and_came_back() -> None:
    left = _rows(1, "TAKEN", state="SUCCEEDED", unsettled=False, net=None, report=1)
    back = [
        {
            **one,
            "kind": "a",
            "state": "RETURNED",
            "settled_net": one["amount"],
            "booked_at": one["booked_at"] + timedelta(days=1),
        }
        for one in _rows(1, "NONE")
    ]
    for one in back:
        one.pop("effect")
    told = nobodys_rows.NobodysRows(back, left)
    assert {one.effect for one in told.said().values()} == {"TAKEN_BACK"}
    assert (len(told.said()), told.read_again()) == (_MANY, [])
