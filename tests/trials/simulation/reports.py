"""The simulated PSE's reports of a business date, in the forms that real ones have.

A report of statuses tells the date's captures, its settled refunds and every refund that is not done, by all their
names. A report of movements tells what happened on its date once and for good: money left, money came back.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from domain.pse.reporting import REPORT_SCHEMA
from domain.pse.vocabulary import Period
from tests.trials.simulation.features import Feature, tells_movements
from tests.trials.simulation.held import Held, Status, Way
from tests.trials.simulation.outside import Mistake, Outside

_STATES = {Status.DONE: "SUCCEEDED", Status.QUEUED: "PENDING", Status.REFUSED: "FAILED", Status.RETURNED: "FAILED"}
# The type and state of a line of money that comes back.
_BACK: Final = ("REFUND", "RETURNED")
_REVERSAL: Final = ("CHARGEBACK_REVERSED", "SUCCEEDED")
_CHARGEBACKS: Final = ("CHARGEBACK", "CHARGEBACK_REVERSED")
_PARTS: Final = 2
_RELEASED: Final = 2_500
_FEE: Final = 39
COST: Final = 7  # of each line that tells a sale, minor units

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Captured:
    """A payment as the PSE knows it."""

    reference: str
    amount: int
    at: datetime
    order: str | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """How the reports of an example are written.

    `nameless_outside`: money that moved without us is told by payment and amount too. Where a refund of ours of that
    amount may be in doubt and the PSE cannot be asked for it by name, nobody could tell them apart: it is named there.
    """

    features: frozenset[Feature]
    nameless_outside: bool

    def has(self, feature: Feature) -> bool:
        return feature in self.features

    def is_nameless(self, *, outside: bool) -> bool:
        """Whether a refund's line names the payment and the amount alone; `outside`: it is no refund of ours."""
        told = self.nameless_outside if outside else not self.has(Feature.OURS_NAMED)
        return self.has(Feature.NAMELESS) and told

    @property
    def kinds(self) -> tuple[str, ...]:
        """The reports of a night."""
        return ("settlement", "release") if self.has(Feature.TWO_KINDS) else ("simulated",)

    @property
    def tells_returns(self) -> bool:
        """Whether a return can be told as its leaving was: a name that comes only with the return helps nobody."""
        return not self.has(Feature.NAMELESS) or self.has(Feature.NAMELESS_RETURNS)

    @property
    def tells_doubles(self) -> bool:
        """Whether a doubled line can be told from two equal ones."""
        return not (self.has(Feature.NAMELESS) and self.nameless_outside)

    @property
    def names_chargebacks(self) -> bool:
        """Whether a chargeback has a name: without one, what is told again in another way could not be told apart."""
        return not self.has(Feature.NAMELESS) or self.has(Feature.OVERLAP) or self.has(Feature.NEWS)


def report(
    period: Period,
    captured: Sequence[Captured],
    held: Sequence[Held],
    form: Form,
    outside: Outside,
    kind: str = "simulated",
) -> bytes:
    """The report of the period's business date, as the PSE knows it now."""
    if tells_movements(form.features):
        lines = _told_twice(_movements(period, captured, held, form, outside.mistakes))
        lines = [_named(line, form, kind, turn) for line, turn in _turns(lines)]
    else:
        lines = [line for one in captured if _in(period, one.at) for line in _captures(one, form)]
        lines += [_status(one) for one in held if one.status is not Status.DONE or _in(period, one.settled_at)]
    lines += _payouts(period, form, outside)
    lines = [_settled(_placed(line, captured, form)) for line in (lines[::-1] if outside.last_first else lines)]
    content = [
        {
            **{name: line[name] for name in REPORT_SCHEMA if name in line},
            "line": number,
            "business_date": _day(line, period, form),
        }
        for number, line in enumerate(lines, start=1)
    ]
    return json.dumps(content).encode()


def _day(line: Line, period: Period, form: Form) -> str:
    """As our readers have it: a movement is of the day on which it was made, whichever report tells it; a status is of
    the day that was asked for."""
    if not tells_movements(form.features):
        return str(period.business_date)
    return str(datetime.fromisoformat(line["booked_at"]).astimezone(ZoneInfo(period.zone)).date())


def _settled(line: Line) -> Line:
    """What the line did to the balance: a sale costs a fee, and so does what the report tells as one."""
    if line["state"] not in ("SUCCEEDED", "RETURNED") or line["type"] == "OTHER":
        return line
    comes = line["type"] in ("CAPTURE", "CHARGEBACK_REVERSED") or line["state"] == "RETURNED"
    fee = COST if line["type"] == "CAPTURE" else 0
    net = (line["amount"] if comes else -line["amount"]) - fee
    cents = {"settled_fee": -fee, "settled_net": net}
    return {
        **line,
        **{name: f"{Decimal(units).scaleb(-2)}" for name, units in cents.items()},
        "settled_currency": "BRL",
    }


def _in(period: Period, moment: datetime | None) -> bool:
    return moment is not None and period.start <= moment < period.end


def _movements(
    period: Period, captured: Sequence[Captured], held: Sequence[Held], form: Form, mistakes: Sequence[Mistake]
) -> Iterator[Line]:
    start = period.start - timedelta(days=1 if form.has(Feature.OVERLAP) else 0)

    def told(moment: datetime | None) -> bool:
        return moment is not None and start <= moment < period.end

    for payment in captured:
        if told(payment.at):
            yield from _captures(payment, form)
            yield from _no_refunds(payment)
    for one in held:
        chargeback = one.way is Way.CHARGEBACK
        if told(one.settled_at):
            yield _moved(("CHARGEBACK" if chargeback else "REFUND", "SUCCEEDED"), one, one.settled_at)
        if told(one.returned_at):
            yield _moved(_REVERSAL if chargeback else _BACK, one, one.returned_at)
    for mistake in mistakes:
        if told(mistake.told_at):
            line = _line("REFUND", "SUCCEEDED", mistake.payment, mistake.amount, mistake.told_at)
            yield {**line, "pse_refund_reference": f"X{mistake.number}-{mistake.payment}", "outside": True}


def _payouts(period: Period, form: Form, outside: Outside) -> Iterator[Line]:
    """What left for the bank, in every form of report by the PSE's name of it."""
    start = period.start - timedelta(days=1 if form.has(Feature.OVERLAP) else 0)
    for one in outside.payouts:
        if start <= one.at < period.end:
            line = _line("PAYOUT", "SUCCEEDED", one.reference, one.amount, one.at)
            yield {**line, "payment_reference": None, "payout_reference": one.reference}


def _captures(payment: Captured, form: Form) -> Iterator[Line]:
    parts = _PARTS if form.has(Feature.PARTS) and payment.amount >= _PARTS else 1
    for number in range(parts):
        amount = payment.amount // parts if number else payment.amount - (parts - 1) * (payment.amount // parts)
        line = _line("CAPTURE", "SUCCEEDED", payment.reference, amount, payment.at)
        yield line if parts == 1 else {**line, "reference": f"{payment.reference}-part{number}"}


def _no_refunds(payment: Captured) -> Iterator[Line]:
    """What stands beside a capture: what was authorised and never captured, and fees of the same second, unnamed."""
    yield _line("OTHER", "SUCCEEDED", payment.reference, _RELEASED, payment.at)
    for _ in range(2):
        yield {**_line("FEE", "SUCCEEDED", payment.reference, _FEE, payment.at), "payment_reference": None}


def _moved(what: tuple[str, str], held: Held, at: datetime | None) -> Line:
    assert at is not None
    line = _line(*what, held.payment, held.told_as or held.amount, at)
    named = {"reference": None if held.by_bank else held.reference, "pse_refund_reference": held.id}
    bank = held.by_bank and held.way is not Way.BACK_OFFICE
    return {**line, **named, "by_bank": bank, "kind": held.way or "", "outside": held.by_bank, "times": held.lines}


def _told_twice(lines: Iterator[Line]) -> list[Line]:
    return [line for line in lines for _ in range(line.pop("times", 1))]


def _turns(lines: Sequence[Line]) -> Iterator[tuple[Line, int]]:
    """Each line with its number among those that look the same."""
    seen: Counter[tuple[Any, ...]] = Counter()
    for line in lines:
        look = tuple(line[name] for name in ("type", "state", "payment_reference", "amount", "booked_at"))
        seen[look] += 1
        yield line, seen[look]


def _named(line: Line, form: Form, kind: str, turn: int) -> Line:
    """The line with the names that this form of report has."""
    if line["type"] in _CHARGEBACKS:
        name = line["pse_refund_reference"] if form.names_chargebacks else None
        return {**line, "reference": name, "pse_refund_reference": None, "kind": f"{kind} chargeback"}
    if line["type"] != "REFUND":
        return line
    if form.is_nameless(outside=line["outside"]):
        moment = datetime.fromisoformat(line["booked_at"])
        place = f"{kind}-{line['payment_reference']}-{line['amount']}-{moment:%d%H%M%S%f}"
        name = f"{place}-{line['type'][0]}{line['state'][0]}{turn}"
        return {**line, "by_amount": True, "reference": name, "pse_refund_reference": None, "kind": kind}
    if form.has(Feature.OURS_NAMED):
        line = {**line, "kind": kind}  # one word for all that this kind of report tells to have been refunded
    return {**line, "reference": None} if form.has(Feature.PSE_NAMES) else line


def _placed(line: Line, captured: Sequence[Captured], form: Form) -> Line:
    """The line with the merchant's order, where the form has it; the second payment's lines name nothing else."""
    if not form.features & {Feature.ORDERS, Feature.SHARED_ORDER} or line["payment_reference"] is None:
        return line
    (number, payment) = next(
        (number, one) for number, one in enumerate(captured) if one.reference == line["payment_reference"]
    )
    alone = form.has(Feature.ORDERS) and number == 1
    return {**line, "order_reference": payment.order, **({"payment_reference": None} if alone else {})}


def _status(held: Held) -> Line:
    line = _line("REFUND", _STATES[held.status], held.payment, held.amount, held.settled_at or held.asked_at)
    bank = held.by_bank and held.way is not Way.BACK_OFFICE
    reference = None if held.by_bank else held.reference
    return {**line, "reference": reference, "pse_refund_reference": held.id, "by_bank": bank}


def _line(kind: str, state: str, payment: str, amount: int, at: datetime) -> Line:
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
