"""Taking a statement back that was none of its account: its lines are money of the account no more.

What stands is never changed by it: what proves a payout is voided first, and of lines that several statements have the
latest statement goes first. The account's number is free again with the last statement that prints one.
"""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.bank import accounts, doubt, matching
from domain.bank.imports import OBJECT
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.findings import findings, on_their_way
from domain.models import BankAccount, BankLine, BankStatement
from domain.platform.database import rows, transaction
from domain.problems import InvalidInput, InvalidState, NotFound

_REASON_MAX: Final = 500
_PRINTS_NO_NUMBER: Final = "CSV"
_PROVES: Final = """SELECT p.reference FROM payout_proofs f JOIN bank_lines l ON l.id = f.line_id
  JOIN payouts p ON p.id = f.payout_id WHERE l.statement_id = $1 AND f.voided_at IS NULL
  ORDER BY l.line, f.part LIMIT 1"""
# A later statement of these days that has lines which earlier ones had: they are kept once, with the first of them.
_TOLD_AGAIN: Final = """SELECT s.id FROM bank_statements s JOIN bank_statements mine ON mine.id = $1
  WHERE s.account_id = mine.account_id AND s.created_at > mine.created_at AND s.withdrawn_at IS NULL
    AND mine.new_lines > 0 AND s.new_lines < s.lines AND s.first_on <= mine.last_on AND s.last_on >= mine.first_on
  LIMIT 1"""
# From the findings to their lines, each by its id: a merchant has a hundred times as many lines.
_ASKED_OF: Final = """SELECT f.fingerprint FROM findings f
  WHERE f.merchant_id = $1 AND f.kind = 'BANK_LINE_UNKNOWN' AND starts_with(f.fingerprint, 'bank-line/')
    AND f.resolved_at IS NULL
    AND (SELECT l.withdrawn_at FROM bank_lines l WHERE l.id = split_part(f.fingerprint, '/', 2)::uuid) IS NOT NULL"""

# Payouts that were missing by statements of their days which were taken back, where no other one has those days now.
_OF_NO_DAYS: Final = """SELECT f.fingerprint FROM findings f
  JOIN payouts p ON p.merchant_id = f.merchant_id AND p.id = split_part(f.fingerprint, '/', 2)::uuid
  CROSS JOIN LATERAL (SELECT coalesce(bool_or(s.withdrawn_at IS NOT NULL), false) AS some_withdrawn, coalesce(bool_or(
      a.reached AND a.passed), false) AS seen FROM (SELECT b.id,
        EXISTS (SELECT 1 FROM bank_statements s WHERE s.account_id = b.id AND s.withdrawn_at IS NULL
          AND s.first_on <= p.business_date + $2::int) AS reached,
        EXISTS (SELECT 1 FROM bank_statements s WHERE s.account_id = b.id AND s.withdrawn_at IS NULL
          AND s.last_on > greatest(p.business_date, p.expected_at) + $2::int) AS passed
      FROM bank_accounts b WHERE b.merchant_id = p.merchant_id AND b.currency = p.currency
        AND (b.connection_ids = '[]'::jsonb OR b.connection_ids ? p.connection_id::text)) AS a
    JOIN bank_statements s ON s.account_id = a.id) AS told
  WHERE f.merchant_id = $1 AND f.kind = 'PAYOUT_MISSING' AND f.resolved_at IS NULL
    AND told.some_withdrawn AND NOT told.seen"""


async def withdraw(principal: Principal, statement_id: UUID, reason: str, cause: Cause) -> BankStatement:
    """Take a statement back with its lines; the same file may be handed in anew, for this account or another.

    Raises Forbidden, NotFound, InvalidInput, InvalidState.
    """
    principal.require_everywhere(Permission.KEEP_BOOKS)
    if not 0 < len(reason.strip()) <= _REASON_MAX:
        raise InvalidInput("Say in 1 to 500 characters why.", path=["input", "reason"])
    async with transaction():
        account, row = await _held(principal, statement_id)
        await _check(row)
        row.withdrawn_at, row.withdrawn_by = datetime.now(UTC), principal.holder[:200]
        row.withdrawal_reason = reason.strip()
        await row.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawal_reason"])
        await BankLine.filter(statement_id=row.id).update(withdrawn_at=row.withdrawn_at)
        what = {"reason": [None, row.withdrawal_reason], "new_lines": [row.new_lines, None]}
        await deeds.note(
            row.merchant_id, "bankStatementWithdraw", Of(OBJECT, row.id), cause, what | await _set_free(account)
        )
        await end_findings(row.merchant_id)
    return row


async def _held(principal: Principal, statement_id: UUID) -> tuple[BankAccount, BankStatement]:
    """The statement, under the locks of who hands one in: its account's, and that of who proves a payout."""
    mine = BankStatement.filter(id=statement_id, merchant_id=principal.merchant_id)
    seen = await mine.get_or_none()
    if seen is None:
        raise NotFound("There is no such statement of yours.", path=["input", "bankStatementId"])
    account = await accounts.locked(principal, seen.account_id)
    await on_their_way.lock(principal.merchant_id)
    return account, await mine.get()


async def _check(row: BankStatement) -> None:
    """Raises InvalidState for what is withdrawn, or what something that stands is built on."""
    path = ["input", "bankStatementId"]
    if row.withdrawn_at is not None:
        raise InvalidState("This statement is withdrawn already.", path=path, current_state="WITHDRAWN")
    if proven := await rows(_PROVES, row.id):
        raise InvalidState(
            f"A line of this statement proves payout {proven[0]['reference'][:100]}: void that proof first.",
            path=path,
            current_state="PROVEN",
        )
    if await rows(_TOLD_AGAIN, row.id):
        raise InvalidState(
            "A later statement of these days has lines of this one, which are kept once: withdraw that one first.",
            path=path,
            current_state="TOLD_AGAIN",
        )


async def _set_free(account: BankAccount) -> dict[str, list[Any]]:
    """Forget whose the account's files are where none that says so stands; what the log tells of it."""
    told = BankStatement.filter(account_id=account.id, withdrawn_at=None).exclude(form=_PRINTS_NO_NUMBER)
    if account.number is None or await told.exists():
        return {}
    account.number = None
    await account.save(update_fields=["number"])
    return {"bound": [True, False]}


async def end_findings(merchant_id: UUID) -> None:
    """Nobody is asked any more of money that was taken back, nor of what is missing by nothing else."""
    asked = [row["fingerprint"] for row in await rows(_ASKED_OF, merchant_id)]
    await findings.resolve_all(merchant_id, asked, "Its statement was taken back.")
    unseen = [row["fingerprint"] for row in await rows(_OF_NO_DAYS, merchant_id, matching.WINDOW.days)]
    await findings.resolve_all(merchant_id, unseen, "The bank statements of its days were taken back.")
    await doubt.end(merchant_id)
