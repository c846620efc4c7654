"""What the valid lines of all reports tell of a payment's refunds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from domain.models import Payment
from domain.payments import external, unnamed, witnessed
from domain.platform.database import rows

LEFT: Final = ("SUCCEEDED",)
BACK: Final = ("RETURNED", "FAILED")
COLUMNS: Final = (
    "l.payment_id, l.refund_id, l.by_amount, l.by_bank, l.kind, l.amount, l.state, l.pse_refund_reference, "
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
