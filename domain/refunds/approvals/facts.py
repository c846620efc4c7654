"""The facts that rules are about: what a payment's row says, and what is asked only where a rule wants it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.access.principal import Principal, Whose
from domain.models.refunds import Reason
from domain.money import Money
from domain.payments import confirmations
from domain.platform.database import rows
from domain.pse.registry import capability
from domain.pse.vocabulary import Method
from domain.refunds.approvals.rules import Facts, Named, Requirement, Rule, Word, decide

_BY_CLIENT: Final = "MUTATION"
# What was withdrawn before anything left is no refund of theirs.
_REFUNDED: Final = """
SELECT count(*)::int AS times FROM refunds r JOIN payments p ON p.id = r.payment_id
WHERE p.merchant_id = $1 AND p.customer_digest = $2 AND r.created_at > now() - make_interval(days => $3)
  AND r.state NOT IN ('REJECTED', 'CANCELED', 'EXPIRED') AND r.id IS DISTINCT FROM $4"""
# What went, or is to go, by the customer's own word: who has one tax ID is one customer, however many payments, and so
# is who has one account, however many tax IDs.
_BY_WORD: Final = """
SELECT coalesce(sum(r.amount), 0)::bigint AS total FROM refunds r
WHERE r.id IN (SELECT o.id FROM payments p JOIN refunds o ON o.payment_id = p.id
      WHERE p.merchant_id = $1 AND p.customer_digest = $2
    UNION SELECT d.refund_id FROM destinations d WHERE d.merchant_id = $1 AND d.account = $6)
  AND r.currency = $3 AND r.id IS DISTINCT FROM $5
  AND r.created_at > now() - make_interval(days => $4) AND r.state NOT IN ('REJECTED', 'CANCELED', 'EXPIRED')
  AND EXISTS (SELECT FROM destinations d
    WHERE d.refund_id = r.id AND d.superseded_at IS NULL AND d.whose_word = 'CUSTOMER')"""
_WORD_DAYS: Final = 30
_ROLES: Final = (
    "SELECT role FROM grants WHERE merchant_id = $1 AND ended_at IS NULL AND (person_id = $2 OR token_id = $2) "
    "AND (store_id IS NULL OR store_id = $3)"
)
# Of a refund that is there it is not kept which of their tokens asked: what any of them holds is held.
_ROLES_OF_ALL: Final = (
    "SELECT role FROM grants WHERE merchant_id = $1 AND ended_at IS NULL AND (person_id = $2 OR token_id = $2 OR "
    "token_id IN (SELECT id FROM tokens WHERE merchant_id = $1 AND party_id = $2 AND kind <> 'CUSTOMER')) "
    "AND (store_id IS NULL OR store_id = $3)"
)
# As request.insert reads it, of a refund that is there.
_PAYMENT: Final = """
SELECT p.id, p.merchant_id, p.store_id, p.method, p.currency, p.captured_at, p.source, p.confirmed_at, p.reserved,
  p.refunded,  p.customer_digest, c.pse, m.zone, m.rules_version, now() AS now
FROM payments p JOIN connections c ON c.id = p.connection_id JOIN merchants m ON m.id = p.merchant_id WHERE p.id = $1"""


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks: who answers for it, whether it is a program, and whose roles it has (a person's, or its own)."""

    party: UUID | None
    is_program: bool
    holder_id: UUID | None

    @classmethod
    def of(cls, whose: Whose, party: UUID | None, *, is_program: bool = False) -> "Requester":
        """Of a principal; of who is none, what is known otherwise."""
        if not isinstance(whose, Principal):
            return cls(party, is_program, party)
        return cls(whose.party, whose.person_id is None, whose.person_id or whose.token_id)


def of_payment(
    payment: Mapping[str, Any],
    amount: Money,
    reason: Reason,
    requester: Requester,
    named: Named | None = None,
    *,
    is_reserved: bool = False,
) -> Facts:
    """What a payment's row says, with what is asked for: no question is asked for it.

    `is_reserved`: the refund is there, and its amount is among what the payment has reserved.
    """
    method = Method(payment["method"])
    # What went before proves nothing of the rest: of a payment that was made up, a centavo can go, too.
    unknown = payment["source"] == _BY_CLIENT and payment["confirmed_at"] is None
    others = payment["reserved"] + payment["refunded"] - (amount.minor_units if is_reserved else 0)
    age = payment["now"] - payment["captured_at"]
    return Facts(
        amount=amount,
        method=method,
        pse=payment["pse"],
        store_id=payment["store_id"],
        age=age,
        local=payment["now"].astimezone(ZoneInfo(payment["zone"])),
        reason=reason,
        party=requester.party,
        is_program=requester.is_program,
        unproven=unknown and not capability(payment["pse"], method).shows_payment(age),
        named=named,
        others=max(others, 0),
    )


async def payment_of(payment_id: UUID) -> dict[str, Any]:
    """The payment's row, as `of_payment` wants it."""
    (row,) = await rows(_PAYMENT, payment_id)
    return row


async def weighed(
    rules: Iterable[Rule],
    facts: Facts,
    payment: Mapping[str, Any],
    requester: Requester,
    refund_id: UUID | None = None,
) -> Requirement:
    """What is needed, having asked for what only some rules want. `refund_id`: the one that is there already."""
    rules = tuple(rules)
    if facts.unproven and await confirmations.by_report(payment["id"]):
        facts = replace(facts, unproven=False)
    if facts.named is not None and facts.named.word is Word.CUSTOMER:
        by_word = await _by_word(payment, facts.amount.currency, refund_id, facts.named.account)
        facts = replace(facts, others=max(facts.others, by_word))
    verdict = decide(rules, facts)
    if not verdict.unknown:
        return verdict
    days = {rule.when.refunded_before.days for rule in verdict.unknown if rule.when.refunded_before is not None}
    times = {one: await _refunded(payment, one, refund_id) for one in days}
    roles = frozenset[str]()
    if any(rule.when.requester_roles for rule in verdict.unknown):
        asked_by = (payment["merchant_id"], requester.holder_id, payment["store_id"])
        roles = await roles_of(*asked_by, with_tokens=refund_id is not None)
    return decide(rules, replace(facts, refunded_before=times, roles=roles))


async def _by_word(payment: Mapping[str, Any], currency: str, refund_id: UUID | None, account: str | None) -> int:
    digest = payment["customer_digest"]
    (row,) = await rows(_BY_WORD, payment["merchant_id"], digest, currency, _WORD_DAYS, refund_id, account)
    total: int = row["total"]
    return total


async def _refunded(payment: Mapping[str, Any], days: int, refund_id: UUID | None) -> int:
    if payment["customer_digest"] is None:
        return 0
    (row,) = await rows(_REFUNDED, payment["merchant_id"], payment["customer_digest"], days, refund_id)
    times: int = row["times"]
    return times


async def roles_of(
    merchant_id: UUID, holder_id: UUID | None, store_id: UUID, *, with_tokens: bool = False
) -> frozenset[str]:
    """The names of the roles that a person or a token has in a store. `with_tokens`: or any that they made."""
    found = await rows(_ROLES_OF_ALL if with_tokens else _ROLES, merchant_id, holder_id, store_id)
    return frozenset(row["role"] for row in found)
