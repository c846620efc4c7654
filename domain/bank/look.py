"""What the statements leave open: payouts that none shows, and money of PSEs that no payout explains."""

from datetime import date
from typing import Any, Final
from uuid import UUID

from domain.bank import doubt, matching, names, proofs, withdrawing
from domain.cause import Cause
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.money import Money
from domain.platform.database import rows, transaction

_LOOK_MAX: Final = 1_000  # at once
_SAY_WHICH: Final = "Say which line of the bank this payout is (estorno bank prove), or ask the PSE."
_WORDS: Final = ("stripe", "adyen", "mercadopago", "dlocal", "ebanx", "conekta")  # a bank's words, bare
# A payout whose days at the bank are over, where a statement of such an account reaches behind them: who hands in no
# statements is told nothing. Behind $4, $5: what a person has resolved stays among them and must hold up no other.
# Beside each, how many lines may be it: of several nobody can say which, and what is old is not looked for (proofs).
# What is open is told anew where that number is another.
_MISSING: Final = """SELECT m.* FROM (SELECT p.id, p.merchant_id, p.connection_id, p.reference, p.currency,
    p.amount, p.business_date, (SELECT count(*) FROM bank_lines l JOIN bank_accounts a ON a.id = l.account_id
     WHERE l.merchant_id = p.merchant_id AND l.amount = p.amount AND a.currency = p.currency AND l.withdrawn_at IS NULL
       AND (a.connection_ids = '[]'::jsonb OR a.connection_ids ? p.connection_id::text)
       AND l.booked_on BETWEEN p.business_date - 1 AND greatest(p.business_date, p.expected_at) + $2::int
       AND NOT EXISTS (SELECT 1 FROM payout_proofs f WHERE f.line_id = l.id
         AND (f.voided_at IS NULL OR f.payout_id = p.id))) AS lines
  FROM payouts p WHERE p.merchant_id = $1 AND p.amount <> 0 AND (p.business_date, p.id) > ($4::date, $5::uuid)
    AND NOT EXISTS (SELECT 1 FROM payout_proofs f WHERE f.payout_id = p.id AND f.voided_at IS NULL)
    AND EXISTS (SELECT 1 FROM bank_accounts a WHERE a.merchant_id = p.merchant_id AND a.currency = p.currency
      AND a.ended_at IS NULL AND (a.connection_ids = '[]'::jsonb OR a.connection_ids ? p.connection_id::text)
      AND EXISTS (SELECT 1 FROM bank_statements s WHERE s.account_id = a.id AND s.withdrawn_at IS NULL
        AND s.first_on <= p.business_date + $2::int)
      AND EXISTS (SELECT 1 FROM bank_statements s WHERE s.account_id = a.id AND s.withdrawn_at IS NULL
        AND s.last_on > greatest(p.business_date, p.expected_at) + $2::int))) AS m
  WHERE NOT EXISTS (SELECT 1 FROM findings d WHERE d.merchant_id = m.merchant_id
      AND d.fingerprint = 'payout-missing/' || m.id || '/' || m.amount AND d.resolved_at IS NULL
      AND (d.detail ->> 'lines')::bigint = m.lines)
  ORDER BY m.business_date, m.id LIMIT $3"""
# What was said to be missing, and that reports do not tell so any more: a revised one has it no longer, or otherwise.
_TOLD_NO_LONGER: Final = """SELECT d.fingerprint FROM findings d
  WHERE d.merchant_id = $1 AND d.kind = 'PAYOUT_MISSING' AND d.resolved_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM payouts p WHERE p.merchant_id = d.merchant_id AND p.amount <> 0
      AND p.id = split_part(d.fingerprint, '/', 2)::uuid AND p.amount::text = split_part(d.fingerprint, '/', 3))"""
# Lines in a PSE's words that prove nothing, but for those that are open as such or that a person has explained: what
# was taken back with its statement and came in anew is the same line.
# Both are tables of the few that people were asked of, by which a file of many lines is held once.
_UNKNOWN: Final = """WITH asked AS MATERIALIZED (
    SELECT split_part(d.fingerprint, '/', 2)::uuid AS line_id, d.resolved_at IS NOT NULL AS is_explained FROM findings d
    WHERE d.merchant_id = $1 AND d.kind = 'BANK_LINE_UNKNOWN' AND starts_with(d.fingerprint, 'bank-line/')
      AND (d.resolved_at IS NULL OR d.reason IS NOT NULL)),
  explained AS MATERIALIZED (SELECT l.account_id, l.key FROM asked a CROSS JOIN LATERAL (SELECT o.account_id, o.key
      FROM bank_lines o WHERE o.id = a.line_id AND o.withdrawn_at IS NOT NULL OFFSET 0) AS l WHERE a.is_explained)
  SELECT l.id, l.merchant_id, l.amount, l.booked_on, l.text, a.currency, a.name, a.connection_ids,
    (SELECT c.id FROM connections c WHERE c.merchant_id = l.merchant_id
       AND (a.connection_ids ? c.id::text OR a.connection_ids = '[]'::jsonb)
     ORDER BY position(c.pse IN regexp_replace(lower(l.text), '[^a-z0-9]', '', 'g')) > 0 DESC, c.created_at LIMIT 1)
      AS connection_id
  FROM bank_lines l JOIN bank_accounts a ON a.id = l.account_id
  WHERE l.merchant_id = $1 AND l.booked_on < current_date - $2::int AND l.withdrawn_at IS NULL
    AND regexp_replace(lower(l.text), '[^a-z0-9]', '', 'g') LIKE ANY($3::text[])
    AND NOT EXISTS (SELECT 1 FROM payout_proofs f WHERE f.line_id = l.id AND f.voided_at IS NULL)
    AND l.id NOT IN (SELECT line_id FROM asked)
    AND (l.account_id, l.key) NOT IN (SELECT account_id, key FROM explained)
  ORDER BY l.booked_on, l.id LIMIT $4"""
_KNOWN_NOW: Final = f"""SELECT f.fingerprint FROM findings f JOIN payout_proofs p
    ON p.line_id = split_part(f.fingerprint, '/', 2)::uuid AND p.merchant_id = f.merchant_id AND p.voided_at IS NULL
  WHERE f.merchant_id = $1 AND f.kind = 'BANK_LINE_UNKNOWN' AND starts_with(f.fingerprint, 'bank-line/')
    AND {findings.MAY_END}"""  # noqa: S608 - ours


async def look(merchant_id: UUID, cause: Cause) -> None:
    """Prove what can be proven, then open and close what is open of one merchant. Safe to repeat."""
    async with transaction():
        await proofs.prove_all(merchant_id, cause)
    await _tell_missing(merchant_id)
    words = [f"%{word}%" for word in _WORDS]
    unknown = await rows(_UNKNOWN, merchant_id, matching.WINDOW.days, words, _LOOK_MAX)
    await findings.open_findings([_unknown(row) for row in unknown if row["connection_id"] is not None])
    await doubt.ask(merchant_id)
    await withdrawing.end_findings(merchant_id)
    for row in await rows(_KNOWN_NOW, merchant_id):
        await findings.resolve(merchant_id, row["fingerprint"], "A payout explains it.")
    gone = [row["fingerprint"] for row in await rows(_TOLD_NO_LONGER, merchant_id)]
    await findings.resolve_all(merchant_id, gone, "No report tells of such a payout any more.")


async def _tell_missing(merchant_id: UUID) -> None:
    after: tuple[date, UUID] = (date.min, UUID(int=0))
    while found := await rows(_MISSING, merchant_id, matching.WINDOW.days, _LOOK_MAX, *after):
        after = (found[-1]["business_date"], found[-1]["id"])
        told = [_missing(row) for row in found]
        await findings.open_findings(told)
        await findings.renew(told)


def _missing(row: dict[str, Any]) -> Found:
    amount, on = Money(abs(row["amount"]), row["currency"]), row["business_date"]
    reference = row["reference"][:100]
    explanation = f"The PSE paid out {amount} on {on} ({reference}), and no bank statement of those days has it."
    if row["lines"]:
        explanation = (
            f"The PSE paid out {amount} on {on} ({reference}), and lines of the bank may be it ({row['lines']}): "
            "nobody but a person can say so."
        )
    return Found(
        FindingKind.PAYOUT_MISSING,
        row["merchant_id"],
        row["connection_id"],
        names.missing(row["id"], row["amount"]),
        amount,
        explanation,
        detail={
            "ours": None,
            "theirs": _side(row["amount"], row["currency"], on, row["reference"]),
            "differs": ["line" if row["lines"] else "bank"],
            "lines": row["lines"],
        },
        action=_SAY_WHICH if row["lines"] else None,
        again=True,
    )


def _unknown(row: dict[str, Any]) -> Found:
    amount, on = Money(abs(row["amount"]), row["currency"]), row["booked_on"]
    return Found(
        FindingKind.BANK_LINE_UNKNOWN,
        row["merchant_id"],
        row["connection_id"],
        names.unknown(row["id"]),
        amount,
        f"{row['name']} has {amount} of {on} in a PSE's words ({row['text'][:100]}), and no payout explains it.",
        detail={"ours": None, "theirs": _side(row["amount"], row["currency"], on, row["text"]), "differs": ["payout"]},
        again=True,
    )


def _side(amount: int, currency: str, on: date, words: str) -> dict[str, Any]:
    return {"amount": amount, "currency": currency, "date": on.isoformat(), "words": words[:200]}
