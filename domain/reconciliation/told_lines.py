"""What the valid lines of all reports tell of a payment's refunds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from domain.models import Payment
from domain.money import Money
from domain.payments import external, in_rows, unnamed, witnessed
from domain.platform.database import rows
from domain.pse.vocabulary import KnownRefund, Succeeded

LEFT: Final = ("SUCCEEDED",)
BACK: Final = ("RETURNED", "FAILED")
COLUMNS: Final = (
    "l.payment_id, l.refund_id, l.by_amount, l.by_bank, l.kind, l.amount, l.state, l.effect, l.pse_refund_reference, "
    "l.booked_at, coalesce(f.reference, l.reference, l.pse_refund_reference) AS name"
)


async def told(payment: Payment, states: Sequence[str] = LEFT) -> Sequence[Mapping[str, Any]]:
    """The valid lines of all reports that say that money of the payment left, or came back (`BACK`).

    A nameless line that a refund has given up (settlements/own_lines) tells of nobody's money until it is read again.
    """
    return await rows(
        f"SELECT {COLUMNS} FROM settlement_lines l JOIN reports r ON r.id = l.report_id "  # noqa: S608
        "LEFT JOIN refunds f ON f.id = l.refund_id AND l.voided_at IS NULL "
        "WHERE l.payment_id = $1 AND r.superseded_at IS NULL AND l.type = 'REFUND' AND l.state = ANY($2) "
        "  AND (l.voided_at IS NULL OR (l.by_amount AND l.state = 'SUCCEEDED' AND l.effect <> 'TAKEN')) ORDER BY l.id",
        payment.id,
        list(states),
    )


def name(line: Mapping[str, Any]) -> str:
    """The name under which such a line is booked as taken."""
    called: str = (external.BY_AMOUNT if line["by_amount"] else "") + line["name"]
    return called


def under(payment: Payment, lines: Sequence[Mapping[str, Any]], called: str) -> list[Mapping[str, Any]]:
    """Those of the lines that tell of money under that name (`external.name_of`)."""
    return [one for one in lines if external.name_of(payment, name(one)) == called]


def known(payment: Payment, lines: Sequence[Mapping[str, Any]]) -> KnownRefund:
    """What these lines of one name tell of money that left."""
    line = lines[0]
    return KnownRefund(
        reference=name(line),
        pse_refund_reference=line["pse_refund_reference"],
        amount=Money(whole(lines) if may_be_in_rows(line) else line["amount"], payment.currency),
        outcome=Succeeded(line["pse_refund_reference"]),
        by_bank=line["by_bank"],
        kind=line["kind"] or "",
        requested_at=None,
        settled_at=line["booked_at"],
    )


def may_be_in_rows(line: Mapping[str, Any]) -> bool:
    """Whether it is nobody's, and has a name that other rows may have, too."""
    return bool(line["refund_id"] is None and not line["by_amount"])


def whole(lines: Sequence[Mapping[str, Any]]) -> int:
    """How much (minor units) these lines of one name tell to have left, or prove as taken, if that is more."""
    proven: int = sum(one["amount"] for one in lines if one["effect"] == "TAKEN")
    return max(in_rows.whole(lines), proven)


async def wanted(payment: Payment, left: Sequence[Mapping[str, Any]], amount: int) -> int:
    """How often so much (minor units) left by what these lines tell, and by what the PSE itself says, if that is more:
    both tell of the same money.
    """
    by_lines = nobodys(left, amount) + await unnamed.told_by_name(payment, amount, ())
    return max(by_lines, await witnessed.standing(payment, amount))


def nobodys(lines: Sequence[Mapping[str, Any]], amount: int) -> int:
    """How many refunds of so much, none of ours and none that has a name, the kind of report tells of that tells of
    most (as nobodys._sums).
    """
    same = [one for one in lines if one["amount"] == amount]
    by_kind = Counter(kind for kind, _ in {(one["kind"], name(one)) for one in same})
    owners = {one["refund_id"] or name(one) for one in same if one["refund_id"] or not one["by_amount"]}
    return max(0, max(by_kind.values(), default=0) - len(owners))
