"""Accounts at banks made known, statements taken in, payouts proven by a person."""

from collections.abc import Sequence
from uuid import UUID

import strawberry

from api.graphql.bank.types import BankAccount, BankStatement, PayoutProof
from api.graphql.context import Info
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import BankError
from domain.bank import accounts, imports, proofs, withdrawing
from domain.bank.accounts import NewAccount
from domain.bank.readers.header import CsvMapping

_WHOSE = "Of connections whose payouts come to this account; none: of any."


@strawberry.input(description="The header's words of a bank's CSV, where they are none of the usual ones.")
class BankCsvMappingInput:
    date: str | None = None
    amount: str | None = None
    debit: str | None = None
    credit: str | None = None
    text: list[str] | None = None
    reference: str | None = None
    balance: str | None = None
    currency: str | None = None
    delimiter: str | None = strawberry.field(default=None, description="; , | or a tab.")
    decimal: str | None = strawberry.field(default=None, description="The decimal sign: . or ,")
    order: str | None = strawberry.field(default=None, description="Of a date's parts: DMY, YMD or MDY.")

    def told(self) -> CsvMapping:
        """The same, as the domain reads columns by it; what is null is guessed from the file."""
        return CsvMapping(
            date=self.date,
            amount=self.amount,
            debit=self.debit,
            credit=self.credit,
            text=tuple(self.text or ()),
            reference=self.reference,
            balance=self.balance,
            currency=self.currency,
            delimiter=self.delimiter,
            decimal=self.decimal,
            order=self.order,
        )


@strawberry.input
class BankAccountCreateInput:
    name: str
    currency: str
    idempotency_key: str
    connection_ids: list[strawberry.ID] | None = strawberry.field(default=None, description=_WHOSE)
    mapping: BankCsvMappingInput | None = None


@strawberry.input
class BankAccountChangeInput:
    bank_account_id: strawberry.ID
    name: str
    currency: str = strawberry.field(description="As it is: an account's currency is for life.")
    connection_ids: list[strawberry.ID] | None = strawberry.field(default=None, description=_WHOSE)
    mapping: BankCsvMappingInput | None = None


@strawberry.input
class BankAccountEndInput:
    bank_account_id: strawberry.ID


@strawberry.input
class BankStatementImportInput:
    bank_account_id: strawberry.ID
    file_id: strawberry.ID = strawberry.field(description="Of a file that was uploaded as BANK_STATEMENT.")


@strawberry.input
class BankStatementWithdrawInput:
    bank_statement_id: strawberry.ID
    reason: str


@strawberry.input
class PayoutProveInput:
    payout_id: strawberry.ID
    bank_line_id: strawberry.ID = strawberry.field(
        description="Of a line of the bank; what it lacks are banks' charges."
    )
    other_payout_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Of payouts that came in the same line: together they are exactly the line."
    )


@strawberry.input
class PayoutProofVoidInput:
    payout_id: strawberry.ID
    reason: str


@strawberry.type(description="`account` is null exactly when `errors` is not empty.")
class BankAccountPayload:
    account: BankAccount | None
    errors: list[BankError]
    request_id: str


@strawberry.type(description="`statement` is null exactly when `errors` is not empty.")
class BankStatementImportPayload:
    statement: BankStatement | None
    errors: list[BankError]
    request_id: str


@strawberry.type(description="`statement` is null exactly when `errors` is not empty.")
class BankStatementWithdrawPayload:
    statement: BankStatement | None
    errors: list[BankError]
    request_id: str


@strawberry.type(description="`proof` is null exactly when `errors` is not empty.")
class PayoutProofPayload:
    proof: PayoutProof | None
    errors: list[BankError]
    request_id: str


@answering(BankAccountPayload)
async def bank_account_create(info: Info, input: BankAccountCreateInput) -> BankAccountPayload:
    new = _new(input.name, input.currency, input.connection_ids, input.mapping)
    made = await accounts.create(info.context.principal, new, input.idempotency_key, info.context.cause)
    return BankAccountPayload(account=BankAccount.of(made), errors=[], request_id=info.context.request_id)


@answering(BankAccountPayload)
async def bank_account_change(info: Info, input: BankAccountChangeInput) -> BankAccountPayload:
    new = _new(input.name, input.currency, input.connection_ids, input.mapping)
    account_id = ids.uuid_of(input.bank_account_id, ["input", "bankAccountId"])
    changed = await accounts.change(info.context.principal, account_id, new, info.context.cause)
    return BankAccountPayload(account=BankAccount.of(changed), errors=[], request_id=info.context.request_id)


@answering(BankAccountPayload)
async def bank_account_end(info: Info, input: BankAccountEndInput) -> BankAccountPayload:
    account_id = ids.uuid_of(input.bank_account_id, ["input", "bankAccountId"])
    ended = await accounts.end(info.context.principal, account_id, info.context.cause)
    return BankAccountPayload(account=BankAccount.of(ended), errors=[], request_id=info.context.request_id)


@answering(BankStatementImportPayload)
async def bank_statement_import(info: Info, input: BankStatementImportInput) -> BankStatementImportPayload:
    context = info.context
    account_id = ids.uuid_of(input.bank_account_id, ["input", "bankAccountId"])
    file_id = ids.uuid_of(input.file_id, ["input", "fileId"])
    made = await imports.hand_in(context.principal, account_id, file_id, context.settings, context.cause)
    return BankStatementImportPayload(statement=BankStatement.of(made), errors=[], request_id=context.request_id)


@answering(BankStatementWithdrawPayload)
async def bank_statement_withdraw(info: Info, input: BankStatementWithdrawInput) -> BankStatementWithdrawPayload:
    context = info.context
    statement_id = ids.uuid_of(input.bank_statement_id, ["input", "bankStatementId"])
    taken = await withdrawing.withdraw(context.principal, statement_id, input.reason, context.cause)
    return BankStatementWithdrawPayload(statement=BankStatement.of(taken), errors=[], request_id=context.request_id)


@answering(PayoutProofPayload)
async def payout_prove(info: Info, input: PayoutProveInput) -> PayoutProofPayload:
    payout_id = ids.uuid_of(input.payout_id, ["input", "payoutId"])
    line_id = ids.uuid_of(input.bank_line_id, ["input", "bankLineId"])
    others = [ids.uuid_of(one, ["input", "otherPayoutIds"]) for one in input.other_payout_ids or ()]
    made = await proofs.prove(info.context.principal, payout_id, line_id, info.context.cause, others)
    return PayoutProofPayload(proof=PayoutProof.of(made), errors=[], request_id=info.context.request_id)


@answering(PayoutProofPayload)
async def payout_proof_void(info: Info, input: PayoutProofVoidInput) -> PayoutProofPayload:
    payout_id = ids.uuid_of(input.payout_id, ["input", "payoutId"])
    voided = await proofs.void(info.context.principal, payout_id, input.reason, info.context.cause)
    return PayoutProofPayload(proof=PayoutProof.of(voided), errors=[], request_id=info.context.request_id)


def _new(
    name: str, currency: str, connections: Sequence[str] | None, mapping: BankCsvMappingInput | None
) -> NewAccount:
    whose: list[UUID] = [ids.uuid_of(one, ["input", "connectionIds"]) for one in connections or ()]
    return NewAccount(name, currency, whose, mapping.told() if mapping else None)
