"""The simulated PSE's report of a business date: its captures, its settled refunds, every refund that is not done."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.pse.reporting import REPORT_SCHEMA
from domain.pse.vocabulary import Period
from tests.simulation.pse import Held, Status

_STATES = {Status.DONE: "SUCCEEDED", Status.QUEUED: "PENDING", Status.REFUSED: "FAILED", Status.RETURNED: "FAILED"}


@dataclass(frozen=True, slots=True)
class Captured:
    """A payment as the PSE knows it."""

    reference: str
    amount: int
    at: datetime


def report(period: Period, captured: Sequence[Captured], held: Sequence[Held]) -> bytes:
    """The report of the period's business date, as the PSE knows it now."""
    lines = [
        _line("CAPTURE", "SUCCEEDED", one.reference, one.amount, one.at) for one in captured if _in(period, one.at)
    ]
    lines += [_refund(one) for one in held if one.status is not Status.DONE or _in(period, one.settled_at)]
    day = str(period.business_date)
    content = [{**line, "line": number, "business_date": day} for number, line in enumerate(lines, start=1)]
    return json.dumps(content).encode()


def _in(period: Period, moment: datetime | None) -> bool:
    return moment is not None and period.start <= moment < period.end


def _refund(held: Held) -> dict[str, Any]:
    line = _line("REFUND", _STATES[held.status], held.payment, held.amount, held.settled_at or held.asked_at)
    return {**line, "reference": held.reference, "pse_refund_reference": held.id, "by_bank": held.by_bank}


def _line(kind: str, state: str, payment: str, amount: int, at: datetime) -> dict[str, Any]:
    return dict.fromkeys(REPORT_SCHEMA) | {
        "type": kind,
        "state": state,
        "payment_reference": payment,
        "by_amount": False,
        "amount": amount,
        "currency": "BRL",
        "by_bank": False,
        "kind": "",
        "booked_at": at.isoformat(),
    }
