"""The PSE's own books: every movement of money, written down at the PSE's layer. This log is the oracle.

Amounts are whole centavos here; nothing of the product is imported, because this is the other side of the wire.
"""

import json
import random
import string
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

ISPB = "12345678"
OPENING_BALANCE = 9_876_543_21
WINDOW = timedelta(days=90)
Kind = Literal["CAPTURE", "REFUND", "RETURN", "MED"]
_SIGNS: dict[str, int] = {"CAPTURE": 1, "REFUND": -1, "RETURN": 1, "MED": -1}


def end_to_end_id(moment: datetime, first: str = "E") -> str:
    """`E` (or `D` for a return) + ISPB + yyyyMMddHHmm (UTC) + 11 alphanumerics: 32 characters."""
    tail = "".join(random.choices(string.ascii_letters + string.digits, k=11))
    return f"{first}{ISPB}{moment.astimezone(UTC):%Y%m%d%H%M}{tail}"


@dataclass(slots=True)
class Movement:
    """Money that moved."""

    at: str
    kind: Kind
    payment: str
    refund: str | None
    amount: int


@dataclass(slots=True)
class Refund:
    """A devolucao."""

    id: str
    rtr_id: str
    amount: int
    nature: str
    requested_at: datetime
    status: str = "EM_PROCESSAMENTO"
    settled_at: datetime | None = None
    reason: str | None = None
    description: str | None = None


@dataclass(slots=True)
class Payment:
    """A received Pix."""

    e2eid: str
    amount: int
    captured_at: datetime
    key: str
    txid: str | None
    moods: list[dict[str, Any]] = field(default_factory=list)
    refunds: dict[str, Refund] = field(default_factory=dict)

    @property
    def spoken_for(self) -> int:
        """What refunds that were not refused have taken or may take."""
        return sum(refund.amount for refund in self.refunds.values() if refund.status != "NAO_REALIZADO")


class Refused(Exception):
    """The PSE does not accept the request; the words say which rule."""


class Books:
    """The payments, the balance and the log of one account."""

    def __init__(self, log_file: Path | None = None) -> None:
        self.log: list[Movement] = []
        self.payments: dict[str, Payment] = {}
        self.balance = OPENING_BALANCE
        self._log_file = log_file

    def move(self, kind: Kind, payment: Payment, refund: Refund | None, amount: int) -> None:
        """The only place where money moves."""
        movement = Movement(datetime.now(UTC).isoformat(), kind, payment.e2eid, refund.id if refund else None, amount)
        self.balance += _SIGNS[kind] * amount
        self.log.append(movement)
        if self._log_file is not None:
            with self._log_file.open("a") as file:
                file.write(json.dumps(asdict(movement)) + "\n")

    def capture(
        self, amount: int, captured_at: datetime, key: str, txid: str | None, e2eid: str | None = None
    ) -> Payment:
        payment = Payment(e2eid or end_to_end_id(captured_at), amount, captured_at, key, txid)
        self.payments[payment.e2eid] = payment
        self.move("CAPTURE", payment, None, amount)
        return payment

    def open_refund(self, payment: Payment, refund_id: str, amount: int, description: str | None) -> Refund:
        """Check the Banco Central's rules and accept. Raises Refused."""
        if refund_id in payment.refunds:
            raise Refused("O id da devolução já foi usado para este e2eid.")
        if datetime.now(UTC) - payment.captured_at > WINDOW:
            raise Refused("A devolução está fora do prazo de 90 dias.")
        if amount <= 0 or payment.spoken_for + amount > payment.amount:
            raise Refused("A soma das devoluções ultrapassa o valor do Pix.")
        now = datetime.now(UTC)
        refund = Refund(refund_id, end_to_end_id(now, "D"), amount, "ORIGINAL", now, description=description)
        payment.refunds[refund_id] = refund
        return refund

    def settle(self, payment: Payment, refund: Refund) -> None:
        """The money leaves, unless the account is empty."""
        if refund.amount > self.balance:
            self.refuse(refund, "Saldo insuficiente na conta.")
            return
        self.move("REFUND", payment, refund, refund.amount)
        refund.status, refund.settled_at = "DEVOLVIDO", datetime.now(UTC)

    def refuse(self, refund: Refund, reason: str) -> None:
        refund.status, refund.reason = "NAO_REALIZADO", reason

    def give_back(self, payment: Payment, refund: Refund) -> None:
        """Money that had left comes back: the payer's account was closed."""
        assert refund.status == "DEVOLVIDO", "Only money that left can come back."
        self.move("RETURN", payment, refund, refund.amount)
        self.refuse(refund, "Conta do pagador encerrada; valor devolvido ao recebedor.")

    def med(self, payment: Payment, amount: int, nature: str) -> Refund:
        """The bank takes money back by the Mecanismo Especial de Devolução; nobody asks the merchant."""
        now = datetime.now(UTC)
        refund = Refund(f"med{random.randrange(16**12):012x}", end_to_end_id(now, "D"), amount, nature, now)
        payment.refunds[refund.id] = refund
        self.move("MED", payment, refund, amount)
        refund.status, refund.settled_at = "DEVOLVIDO", now
        return refund
