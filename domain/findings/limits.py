"""From which amount on another person confirms what one gives up: a rule of the merchant's, with defaults.

What is split counts as one: what one person alone has cleared of a payment before, and what they have given up of
anything in 24 hours, findings, VAT and what banks kept alike, is added up by currency; with that of whoever has signed
in by a link that one of them made (domain/access/vouching). Given up is what nobody but that person says: also a fee, a
correction, and what is said to have come back, which no report or bank line has proven yet.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.access import vouching
from domain.access.principal import Principal
from domain.access.small import SMALL, reached
from domain.findings import names
from domain.models import Finding
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.platform.alone import lock_name
from domain.platform.database import rows

KIND: Final = "FINDING"  # of approval_rules
NAME: Final = "RESOLVE_FINDINGS"
DEFAULT: Final = SMALL
_GIVING: Final = (ClosingReason.WRITE_OFF, ClosingReason.CLAIMED_FROM_PSE, ClosingReason.FEE)
# Accounts to which CORRECTED takes what nobody gets back, and of which no report or bank line tells.
_LOSSES: Final = (
    Account.ROUNDING,
    Account.FX_DIFFERENCES,
    Account.VAT_LOST,
    Account.FEES,
    Account.PSE_ADJUSTMENTS,
)
_STANDING: Final = """SELECT body FROM approval_rules WHERE merchant_id = $1 AND kind = $2 AND name = $3
  AND started_at IS NOT NULL AND ended_at IS NULL AND body IS NOT NULL"""
# What one person alone has cleared of the payment before, either way: what is split counts as one.
_ALONE: Final = """SELECT f.payment_id, sum(abs(r.amount))::bigint AS amount FROM finding_resolutions r
JOIN findings f ON f.id = r.finding_id WHERE f.payment_id = ANY($1::uuid[]) AND r.started_at IS NOT NULL
  AND r.ended_at IS NULL AND r.confirmed_by_id IS NULL GROUP BY 1"""
# What one person alone has given up within 24 hours: findings, by what was at stake, VAT, and what they said that banks
# kept of payouts; of each currency.
_GIVEN_UP: Final = f"""SELECT wanted.currency, given_up.amount FROM unnest($3::varchar[]) AS wanted (currency)
CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0)::bigint AS amount FROM (
  SELECT greatest(CASE WHEN r.currency = wanted.currency THEN abs(r.amount) ELSE 0 END,
      CASE WHEN f.currency = wanted.currency THEN f.amount ELSE 0 END) AS amount
  FROM finding_resolutions r JOIN findings f ON f.id = r.finding_id
  WHERE r.merchant_id = $1 AND r.proposed_by_id = ANY($2::uuid[]) AND wanted.currency IN (r.currency, f.currency)
    AND r.proposed_at > now() - interval '24 hours' AND r.started_at IS NOT NULL AND r.ended_at IS NULL
    AND r.confirmed_by_id IS NULL
    AND (r.reason IN ({", ".join(f"'{one}'" for one in _GIVING)})
      OR r.account IN ({", ".join(f"'{one}'" for one in _LOSSES)}))
  UNION ALL SELECT w.amount FROM vat_write_offs w
  WHERE w.merchant_id = $1 AND w.proposed_by_id = ANY($2::uuid[]) AND w.currency = wanted.currency
    AND w.proposed_at > now() - interval '24 hours' AND w.started_at IS NOT NULL AND w.confirmed_by_id IS NULL
  UNION ALL SELECT p.charges FROM payout_proofs p JOIN payouts o ON o.id = p.payout_id
  WHERE p.merchant_id = $1 AND p.made_by_id = ANY($2::uuid[]) AND o.currency = wanted.currency AND p.charges > 0
    AND p.made_at > now() - interval '24 hours' AND p.voided_at IS NULL
) AS each_time) AS given_up"""  # noqa: S608 - ours


@dataclass(frozen=True, slots=True)
class Earlier:
    """What limits are held to: the merchant's, what somebody alone has cleared of payments, and what they have given up
    of late by currency. Minor units."""

    held: Mapping[str, int]
    alone: Mapping[UUID, int]
    given_up: Mapping[str, int]


async def of(merchant_id: UUID) -> Mapping[str, int]:
    """At or above: minor units by currency."""
    found = await rows(_STANDING, merchant_id, KIND, NAME)
    if not found:
        return DEFAULT
    amounts: Mapping[str, int] = json.loads(found[0]["body"])["amounts"]
    return amounts


async def one_at_a_time(principal: Principal) -> None:
    """Nobody gives up two things at once, each of which is below the limit; until the caller's transaction ends."""
    key = f"given-up/{principal.merchant_id}/{principal.voucher}"
    await lock_name(key)


async def before(principal: Principal, payments: Collection[UUID], currencies: Collection[str]) -> Earlier:
    """What was before, of these payments and in these currencies. After `one_at_a_time` where it is to stay so."""
    alone = await rows(_ALONE, list(payments)) if payments else []
    hands = await vouching.all_hands(principal) if currencies else ()
    given = await rows(_GIVEN_UP, principal.merchant_id, list(hands), list(currencies)) if currencies else []
    return Earlier(
        held=await of(principal.merchant_id),
        alone={row["payment_id"]: row["amount"] for row in alone},
        given_up={row["currency"]: row["amount"] for row in given},
    )


async def is_above(principal: Principal, amount: int, currency: str) -> bool:
    """Whether another person confirms that so much more (minor units) is given up. After `one_at_a_time`."""
    was = await before(principal, (), (currency,))
    return reached(was.held, amount + was.given_up[currency], currency)


async def is_above_with_others(principal: Principal, amount: int, currency: str) -> bool:
    """The same where one alone needs nobody else: only with what was given up before. After `one_at_a_time`."""
    was = await before(principal, (), (currency,))
    given = was.given_up[currency]
    return given > 0 and reached(was.held, amount + given, currency)


def gives_up(reason: ClosingReason, account: Account | None) -> bool:
    """Whether somebody who says this of a finding gives its money up."""
    return reason in _GIVING or account in _LOSSES


def given_up(finding: Finding, moved: int, currency: str) -> Mapping[str, int]:
    """How much that is, minor units by currency: what moves, or what is at stake where nothing does.

    What moves (minor units of `currency`) may be of another currency than what the finding is about.
    """
    given = {finding.currency: finding.amount}
    given[currency] = max(given.get(currency, 0), abs(moved))
    return given


async def needs_two(
    principal: Principal,
    finding: Finding,
    moved: int,
    currency: str,
    given: Mapping[str, int],
    was: Earlier | None = None,
) -> bool:
    """Whether another person must confirm: by amount, or because a refund is held while it is open (refunds/held).

    `moved`: minor units of `currency`. `given`: what is given up with it, and what a preview has counted before, minor
    units by currency. `was`: what was before, where it is known already.
    """
    if finding.fingerprint.startswith(names.AFTER_END) or "/unbooked" in finding.fingerprint:
        return True
    was = was or await before(principal, [finding.payment_id] if finding.payment_id else [], given)
    alone = was.alone.get(finding.payment_id, 0) if finding.payment_id else 0
    if reached(was.held, finding.amount, finding.currency) or reached(was.held, abs(moved) + alone, currency):
        return True
    return any(reached(was.held, amount + was.given_up[one], one) for one, amount in given.items())
