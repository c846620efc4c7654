"""A PSE's own books: every movement of money, written down at the PSE's layer. This log is the oracle.

Amounts are minor units here; nothing of the product is imported, because this is the other side of the wire.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

OPENING_BALANCE = 9_876_543_21
Kind = Literal["CAPTURE", "REFUND", "RETURN", "MED"]
Status = Literal["PENDING", "DONE", "REFUSED", "RETURNED"]
_SIGNS: dict[str, int] = {"CAPTURE": 1, "REFUND": -1, "RETURN": 1, "MED": -1}


@dataclass(slots=True)
class Movement:
    """Money that moved."""

    at: str
    kind: Kind
    payment: str
    refund: str | None
    amount: int
    currency: str


def signed(movement: Movement) -> int:
    """What it does to the balance, before fees."""
    return _SIGNS[movement.kind] * movement.amount


@dataclass(slots=True)
class Refund:
    """A refund as the PSE has it. `id` is the PSE's own, `reference` what the client named it (or its key)."""

    id: str
    reference: str
    amount: int
    kind: str
    requested_at: datetime
    status: Status = "PENDING"
    settled_at: datetime | None = None
    reason: str | None = None
    description: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)  # what only this PSE's wire knows


@dataclass(slots=True)
class Payment:
    """A captured payment. `refunds` by the client's reference."""

    reference: str
    amount: int
    currency: str
    method: str
    captured_at: datetime
    key: str
    order: str | None
    moods: list[dict[str, Any]] = field(default_factory=list)
    webhook_moods: list[dict[str, Any]] = field(default_factory=list)
    refunds: dict[str, Refund] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def spoken_for(self) -> int:
        """What refunds that were not refused and did not come back have taken or may take."""
        return sum(refund.amount for refund in self.refunds.values() if refund.status in ("PENDING", "DONE"))


class Refused(Exception):
    """The PSE does not accept the request. `rule`: REUSED, WINDOW, AMOUNT, BALANCE or another word of its wire."""

    def __init__(self, rule: str, said: str) -> None:
        super().__init__(said)
        self.rule = rule


class Books:
    """The payments, the balance and the log of one account at one PSE."""

    def __init__(self, pse: str, log_file: Path | None = None, *, window_days: int | None = None) -> None:
        self.pse = pse
        self.log: list[Movement] = []
        self.payments: dict[str, Payment] = {}
        self.balance = OPENING_BALANCE
        self._window = None if window_days is None else timedelta(days=window_days)
        self._log_file = log_file

    def move(self, kind: Kind, payment: Payment, refund: Refund | None, amount: int) -> None:
        """The only place where money moves."""
        now = datetime.now(UTC).isoformat()
        movement = Movement(
            now, kind, payment.reference, refund.reference if refund else None, amount, payment.currency
        )
        self.balance += _SIGNS[kind] * amount
        self.log.append(movement)
        if self._log_file is not None:
            with self._log_file.open("a") as file:
                file.write(json.dumps({"pse": self.pse, **asdict(movement)}) + "\n")

    def capture(self, payment: Payment) -> Payment:
        self.payments[payment.reference] = payment
        self.move("CAPTURE", payment, None, payment.amount)
        return payment

    def open_refund(
        self, payment: Payment, reference: str, amount: int, new_id: Callable[[datetime], str], **more: Any
    ) -> Refund:
        """Check the rules and accept. Raises Refused."""
        now = datetime.now(UTC)
        if reference in payment.refunds:
            raise Refused("REUSED", "The id of the refund was used before.")
        if self._window is not None and now - payment.captured_at > self._window:
            raise Refused("WINDOW", f"The refund is later than {self._window.days} days after the payment.")
        if amount <= 0 or payment.spoken_for + amount > payment.amount:
            raise Refused("AMOUNT", "The sum of the refunds is above the payment.")
        refund = Refund(new_id(now), reference, amount, "ORIGINAL", now, **more)
        payment.refunds[reference] = refund
        return refund

    def settle(self, payment: Payment, refund: Refund) -> None:
        """The money leaves, unless the account is empty."""
        if refund.amount > self.balance:
            self.refuse(refund, "The balance of the account is too low.")
            return
        self.move("REFUND", payment, refund, refund.amount)
        refund.status, refund.settled_at = "DONE", datetime.now(UTC)

    def refuse(self, refund: Refund, reason: str) -> None:
        refund.status, refund.reason = "REFUSED", reason

    def give_back(self, payment: Payment, refund: Refund) -> None:
        """Money that had left comes back: the payer's account was closed."""
        assert refund.status == "DONE", "Only money that left can come back."
        self.move("RETURN", payment, refund, refund.amount)
        refund.status, refund.reason = "RETURNED", "The payer's account was closed; the money came back."

    def take(self, payment: Payment, refund: Refund) -> Refund:
        """The bank takes money back without asking the merchant (a Pix MED)."""
        payment.refunds[refund.reference] = refund
        self.move("MED", payment, refund, refund.amount)
        refund.status, refund.settled_at = "DONE", datetime.now(UTC)
        return refund
