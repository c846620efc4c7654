"""Taking a statement in: read whole or not at all, its lines kept once however many files have them.

What is proven by it is booked in the same transaction (proofs.prove_all), under the account's lock.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID, uuid4

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.bank import accounts, proofs, reworded
from domain.bank.readers.header import CsvMapping
from domain.bank.readers.read import read
from domain.bank.reworded import FiledLine, Reworded
from domain.bank.statement import BadStatement, Statement, joined, keys, number_of
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.files import content
from domain.models import BankAccount, BankStatement, File
from domain.models.files import Purpose
from domain.money import MINOR_UNITS_MAX
from domain.platform.apart import apart
from domain.platform.database import execute, rows, transaction
from domain.platform.settings import Settings
from domain.problems import InvalidInput, InvalidState

OBJECT: Final = "bankStatement"  # in the log
_WAY_OUT: Final = "If one of them is another movement, hand in a file that has the whole of its day."
_TEXT_MAX: Final = 1_000  # characters of a line's words
# Each line that no file of the account had, nor in other words ($5); how many those are.
_ADD: Final = """WITH told AS (
    SELECT * FROM jsonb_to_recordset($4::jsonb) AS t(line int, booked_on date, amount bigint, text text,
      reference text, key text)),
  added AS (INSERT INTO bank_lines (id, merchant_id, account_id, statement_id, line, booked_on, amount, text,
      reference, key, created_at)
    SELECT gen_random_uuid(), $1, $2, $3, t.line, t.booked_on, t.amount, t.text, t.reference, t.key, now() FROM told t
    WHERE NOT EXISTS (SELECT 1 FROM bank_lines l WHERE l.account_id = $2 AND l.key = t.key AND l.withdrawn_at IS NULL)
      AND t.key NOT IN (SELECT jsonb_array_elements_text($5::jsonb)) RETURNING id)
  SELECT count(*) AS added FROM added"""
# Each line that an earlier one is in other words ($5), with that one.
_ADD_REWORDED: Final = """INSERT INTO bank_rewordings (id, merchant_id, statement_id, earlier_id, line, text, reference,
    key, is_sure, created_at)
  SELECT gen_random_uuid(), $1, $3, l.id, t.line, t.text, t.reference, t.key, same.is_sure, now()
  FROM jsonb_to_recordset($5::jsonb) AS same(key text, earlier text, is_sure boolean)
  JOIN jsonb_to_recordset($4::jsonb) AS t(line int, text text, reference text, key text) ON t.key = same.key
  JOIN bank_lines l ON l.account_id = $2 AND l.key = same.earlier AND l.withdrawn_at IS NULL"""
# And when it comes in, by the database: later than all that the account has, whatever a host's clock said of those.
_KNOWN: Final = """SELECT count(*) AS known, greatest(clock_timestamp(), (SELECT max(created_at) FROM bank_statements
    WHERE account_id = $1) + interval '1 microsecond') AS at FROM bank_lines
  WHERE account_id = $1 AND withdrawn_at IS NULL AND key IN (SELECT jsonb_array_elements_text($2::jsonb))"""
_OTHER_FORM: Final = """SELECT form FROM bank_statements WHERE account_id = $1 AND form <> $2 AND lines > 0
  AND withdrawn_at IS NULL AND first_on <= $4 AND last_on >= $3 LIMIT 1"""
# Another account that is the same one at the bank, and has statements of these days.
_TWICE: Final = """SELECT a.name, a.number FROM bank_accounts a JOIN bank_statements s ON s.account_id = a.id
  WHERE a.merchant_id = $1 AND a.id <> $2 AND a.currency = $3 AND a.number IS NOT NULL AND s.lines > 0
    AND s.withdrawn_at IS NULL AND s.first_on <= $5 AND s.last_on >= $4"""


@dataclass(frozen=True, slots=True)
class _Read:
    """A statement made ready for the database, before anybody waits for it. JSON: names and lines of what moved."""

    statement: Statement
    moved: int
    names: str
    lines: str
    named: Sequence[FiledLine]
    first_on: date | None
    last_on: date | None


def _read(given: bytes, currency: str, mapping: CsvMapping | None) -> list[_Read]:
    """Reads and prepares, in a thread: an event loop that did it would keep everybody waiting."""
    return [_prepared(one) for one in joined(read(given, currency, mapping))]


def _prepared(statement: Statement) -> _Read:
    if any(abs(balance or 0) > MINOR_UNITS_MAX for balance in (statement.opening, statement.closing)):
        raise BadStatement("The balances of this statement are more than can be counted.")
    days = [line.booked_on for line in statement.lines]
    moved = [(line, key) for line, key in zip(statement.lines, keys(statement), strict=True) if line.amount]
    lines = [
        {
            "line": line.line,
            "booked_on": line.booked_on.isoformat(),
            "amount": line.amount,
            "text": line.text[:_TEXT_MAX],
            "reference": _words(line.reference),
            "key": key,
        }
        for line, key in moved
    ]
    names = json.dumps([key for _, key in moved])
    named = [
        FiledLine(line.booked_on, line.amount, _words(line.reference), line.text[:_TEXT_MAX], key)
        for line, key in moved
    ]
    return _Read(
        statement, len(moved), names, json.dumps(lines), named, min(days, default=None), max(days, default=None)
    )


def _words(told: str | None) -> str | None:
    return told[:_TEXT_MAX] if told else None


async def hand_in(
    principal: Principal, account_id: UUID, file_id: UUID, settings: Settings, cause: Cause
) -> BankStatement:
    """Take in what a stored file says of an account; the same file again gives what it gave.

    Raises Forbidden, NotFound, InvalidState, InvalidInput (BadStatement: in which line, and what to do), ContentAway.
    """
    principal.require_everywhere(Permission.KEEP_BOOKS)
    account = await BankAccount.get_or_none(id=account_id, merchant_id=principal.merchant_id)
    file = await File.get_or_none(id=file_id, merchant_id=principal.merchant_id)
    if file is None or file.stored_at is None or file.purpose is not Purpose.BANK_STATEMENT:
        raise InvalidInput("Upload the statement first; there is no such file.", path=["input", "fileId"])
    told: list[_Read] = []
    if account is not None:  # else what is said is said under the lock
        given = await content.get(settings, file)
        told = await apart(principal.merchant_id, _read, given, account.currency, accounts.mapping_of(account))
    async with transaction():
        account = await accounts.locked(principal, account_id)
        earlier = await BankStatement.get_or_none(account_id=account.id, file_id=file.id, withdrawn_at=None)
        if earlier is not None:
            return earlier
        if account.ended_at is not None:
            raise InvalidState("This account has ended.", path=["input", "bankAccountId"], current_state="ENDED")
        made = await _keep(principal, account, file, await _of_account(account, told), cause)
        await proofs.prove_all(account.merchant_id, cause)
    return made


async def _of_account(account: BankAccount, told: Sequence[_Read]) -> _Read:
    """The file's statement of this account. Raises BadStatement where it is of others, or cannot be told apart."""
    mine = [one for one in told if _is_of(account, one.statement)]
    printed = ", ".join(sorted(one.statement.account or "an account that it does not name" for one in told))[:200]
    if not mine:
        raise BadStatement(f"This file is of {printed}, and the account is {account.number}: hand it in for that one.")
    if len(mine) > 1:
        raise BadStatement(f"This file has several accounts ({printed}): first hand in one of this account alone.")
    statement = mine[0].statement
    if statement.currency != account.currency:
        raise BadStatement(f"The statement is in {statement.currency}, and the account in {account.currency}.")
    if account.number is None and statement.account is not None:
        account.number = statement.account[:100]
        await account.save(update_fields=["number"])
    return mine[0]


def _is_of(account: BankAccount, statement: Statement) -> bool:
    if statement.account is None or account.number is None:
        return True
    return number_of(statement.account) == number_of(account.number)


def _is_printed(one: str, other: str) -> bool:
    """Whether both are one account of one bank: two banks may have one number."""
    return all(f(one) == f(other) for f in (number_of, lambda told: told.split("/", 1)[0].lstrip("0")))


async def _keep(principal: Principal, account: BankAccount, file: File, told: _Read, cause: Cause) -> BankStatement:
    statement = told.statement
    if told.first_on is not None and told.last_on is not None:
        await _check_form(account, statement.form, told.first_on, told.last_on)
        await _check_account(account, statement, told.first_on, told.last_on)
    (row,) = await rows(_KNOWN, account.id, told.names)
    again = await reworded.told_before(account.merchant_id, account.id, told.named, told.names)
    made = await BankStatement.create(
        id=uuid4(),
        merchant_id=account.merchant_id,
        account_id=account.id,
        file_id=file.id,
        form=statement.form,
        first_on=told.first_on,
        last_on=told.last_on,
        lines=told.moved,
        new_lines=told.moved - row["known"] - len(again),
        opening=statement.opening,
        closing=statement.closing,
        sequence=statement.sequence,
        proof=statement.proof,
        contradicted=statement.contradicted or _said_again(again),
        created_by=principal.holder[:200],
        created_at=row["at"],
    )
    whose = (account.merchant_id, account.id, made.id, told.lines)
    await rows(_ADD, *whose, json.dumps([one.key for one in again]))
    if again:
        await execute(_ADD_REWORDED, *whose, await asyncio.to_thread(_pairs, again))
    what = {"account": [None, account.name], "lines": [None, made.lines], "new_lines": [None, made.new_lines]}
    await deeds.note(account.merchant_id, "bankStatementImport", Of(OBJECT, made.id), cause, what)
    return made


def _pairs(again: Sequence[Reworded]) -> str:
    return json.dumps([{"key": one.key, "earlier": one.earlier, "is_sure": one.is_sure} for one in again])


def _said_again(again: Sequence[Reworded]) -> str | None:
    """How many, and what to do where a line that was counted once may be two."""
    if not again:
        return None
    said = f"{len(again)} of its lines are those of an earlier statement in other words: they count once."
    if len(again) == 1:
        said = "1 of its lines is that of an earlier statement in other words: it counts once."
    return said if all(one.is_sure for one in again) else f"{said} {_WAY_OUT}"


async def _check_account(account: BankAccount, statement: Statement, first: date, last: date) -> None:
    if statement.account is None:
        return
    found = await rows(_TWICE, account.merchant_id, account.id, account.currency, first, last)
    same = [row["name"] for row in found if _is_printed(statement.account, row["number"])]
    if same:
        raise BadStatement(
            f"This is the account that you have as {same[0]}, too, with statements of these days: hand in days that it "
            "does not have."
        )


async def _check_form(account: BankAccount, form: str, first: date, last: date) -> None:
    found = await rows(_OTHER_FORM, account.id, form, first, last)
    if found:
        raise BadStatement(
            f"Of these days the account has statements in {found[0]['form']}, whose words are others: hand in that "
            "form, or days that no statement has."
        )
