"""Payments and refunds in the states that a page shows differently."""

from collections.abc import Mapping

from domain.pse.vocabulary import Declined, InDoubt, Outcome, Succeeded
from tests.kit.console.world import Seeded, global_id
from tests.kit.factories import a_payment, a_refund, an_answer

_KINDS: tuple[tuple[int, Outcome | None], ...] = (
    (15_000, InDoubt("TIMEOUT", "The PSE did not answer within 20 s.")),
    (4_990, Succeeded()),
    (1_200, Declined("INSUFFICIENT_BALANCE", "The account has too little money.")),
    (7_000, None),
)
QUERIES = {
    "refunds/list": ["state=FAILED&reason=FRAUD"],
    "refunds/search": ["q=10477"],
    "payments/refund": ["amount=12&currency=BRL&reason=DEFECTIVE&note=Camiseta", "amount=x"],
}


async def seed(world: Seeded, copies: int) -> Mapping[str, str]:
    """Of each copy a payment, and of it a refund in doubt, one paid, one refused, one asked for."""
    ids: dict[str, str] = {}
    for number in range(copies):
        order = world.said(f"10{477 + number}", 100)
        payment = await a_payment(world.shop, amount=98_000, tax=14_949, order=order, days_ago=3)
        ids["payment"] = global_id("Payment", payment.id)
        for amount, outcome in _KINDS:
            refund = await a_refund(world.shop, payment, amount)
            if isinstance(outcome, Declined):
                outcome = Declined(outcome.code, world.said(outcome.message))
            if outcome is not None:
                await an_answer(refund, outcome)
            ids.setdefault("refund", global_id("Refund", refund.id))
    return ids
