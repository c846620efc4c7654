"""Accounts at banks, their statements and lines, and payouts with what proves them."""

from uuid import UUID

import strawberry

from api.graphql.context import Info
from api.graphql.spoken.told import told
from api.graphql.transport.scalars import BigInt, CurrencyCode, Date, DateTime
from domain.bank import accounts, find
from domain.bank.find import Shared
from domain.models import BankAccount as AccountRow
from domain.models import BankLine as LineRow
from domain.models import BankRewording as RewordingRow
from domain.models import BankStatement as StatementRow
from domain.models import Payout as PayoutRow
from domain.models import PayoutProof as ProofRow


@strawberry.type(description="How a bank's CSV is read where its header has no usual words: the header's own.")
class BankCsvMapping:
    date: str | None
    amount: str | None = strawberry.field(description="A column of signed amounts; else `debit` and `credit`.")
    debit: str | None
    credit: str | None
    text: list[str]
    reference: str | None
    balance: str | None = strawberry.field(description="After each row: it proves that none is missing.")
    currency: str | None
    delimiter: str | None
    decimal: str | None
    order: str | None = strawberry.field(description="Of a date's parts: DMY, YMD or MDY.")


@strawberry.type(description="An account at a bank that PSEs pay out to.")
class BankAccount:
    id: strawberry.ID
    name: str
    currency: CurrencyCode
    number: str | None = strawberry.field(description="As its first statement that stands prints it.")
    connection_ids: list[strawberry.ID] = strawberry.field(
        description="Whose payouts come here. None named: those of any, and then a payout is proven by its reference "
        "or by a person, never by amount and days."
    )
    mapping: BankCsvMapping | None
    created_at: DateTime
    ended_at: DateTime | None

    @classmethod
    def of(cls, row: AccountRow) -> "BankAccount":
        mapping = accounts.mapping_of(row)
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            currency=CurrencyCode(row.currency),
            number=row.number,
            connection_ids=[strawberry.ID(one) for one in row.connection_ids],
            mapping=None
            if mapping is None
            else BankCsvMapping(
                date=mapping.date,
                amount=mapping.amount,
                debit=mapping.debit,
                credit=mapping.credit,
                text=list(mapping.text),
                reference=mapping.reference,
                balance=mapping.balance,
                currency=mapping.currency,
                delimiter=mapping.delimiter,
                decimal=mapping.decimal,
                order=mapping.order,
            ),
            created_at=DateTime(row.created_at),
            ended_at=DateTime(row.ended_at) if row.ended_at else None,
        )


@strawberry.type(description="A bank's file that was taken in. Amounts in minor units of the account's currency.")
class BankStatement:
    id: strawberry.ID
    bank_account_id: strawberry.ID
    file_id: strawberry.ID
    form: str = strawberry.field(description="OFX, CNAB240 or CSV.")
    first_on: Date | None
    last_on: Date | None
    lines: int
    new_lines: int = strawberry.field(description="That no earlier file had.")
    opening: BigInt | None
    closing: BigInt | None
    proof: str | None = told("What proves it whole; null: nothing in the file does.")
    contradicted: str | None = told("What in it does not agree with itself, or with an earlier one.")
    created_by: str
    created_at: DateTime
    withdrawn_at: DateTime | None
    withdrawn_by: str | None
    withdrawal_reason: str | None
    row_id: strawberry.Private[UUID]

    @classmethod
    def of(cls, row: StatementRow) -> "BankStatement":
        return cls(
            row_id=row.id,
            id=strawberry.ID(str(row.id)),
            bank_account_id=strawberry.ID(str(row.account_id)),
            file_id=strawberry.ID(str(row.file_id)),
            form=row.form,
            first_on=Date(row.first_on) if row.first_on else None,
            last_on=Date(row.last_on) if row.last_on else None,
            lines=row.lines,
            new_lines=row.new_lines,
            opening=BigInt(row.opening) if row.opening is not None else None,
            closing=BigInt(row.closing) if row.closing is not None else None,
            proof=row.proof,
            contradicted=row.contradicted,
            created_by=row.created_by,
            created_at=DateTime(row.created_at),
            withdrawn_at=DateTime(row.withdrawn_at) if row.withdrawn_at else None,
            withdrawn_by=row.withdrawn_by,
            withdrawal_reason=row.withdrawal_reason,
        )

    @strawberry.field(
        description="Its movements that count as lines of earlier statements, in other words: the first 100, those "
        "that are not sure before. Where one is another movement, hand in a file that has the whole of its day."
    )
    async def rewordings(self, info: Info) -> list["BankRewording"]:
        found = await info.context.loaders.one(find.rewordings, self.row_id)
        return [BankRewording.of(row) for row in found or ()]


@strawberry.type(description="Money on an account. `amount` in minor units; above zero it came in.")
class BankLine:
    id: strawberry.ID
    bank_account_id: strawberry.ID
    statement_id: strawberry.ID
    booked_on: Date = strawberry.field(description="As the bank prints it.")
    amount: BigInt
    currency: CurrencyCode
    text: str
    reference: str | None
    row: strawberry.Private[LineRow]

    @classmethod
    def of(cls, row: LineRow) -> "BankLine":
        return cls(
            id=strawberry.ID(str(row.id)),
            bank_account_id=strawberry.ID(str(row.account_id)),
            statement_id=strawberry.ID(str(row.statement_id)),
            booked_on=Date(row.booked_on),
            amount=BigInt(row.amount),
            currency=CurrencyCode(row.account.currency),
            text=row.text,
            reference=row.reference,
            row=row,
        )

    @strawberry.field(description="Of the payout that it proves: of several the first.")
    async def payout_id(self, info: Info) -> strawberry.ID | None:
        found = await info.context.loaders.one(find.of_lines, self.row.id)
        return strawberry.ID(str(found.payout_id)) if found else None

    @strawberry.field(description="Of all payouts that it proves, in their order: of several it is exactly the sum.")
    async def payout_ids(self, info: Info) -> list[strawberry.ID]:
        found = await info.context.loaders.one(find.together, self.row.id)
        return [strawberry.ID(str(one)) for one in found or ()]


@strawberry.type(description="A movement of a statement that an earlier line is, in other words: it counts once.")
class BankRewording:
    line: int = strawberry.field(description="Of the file, from 1.")
    text: str = strawberry.field(description="As this file says it.")
    reference: str | None
    sure: bool = strawberry.field(
        description="False: nothing but the words says so (one's are a part of the other's), or day and amount alone."
    )
    earlier_id: strawberry.Private[UUID]

    @classmethod
    def of(cls, row: RewordingRow) -> "BankRewording":
        return cls(line=row.line, text=row.text, reference=row.reference, sure=row.is_sure, earlier_id=row.earlier_id)

    @strawberry.field(description="The line that counts: of the same day and amount.")
    async def earlier(self, info: Info) -> BankLine:
        found = await info.context.loaders.one(find.by_id, self.earlier_id)
        assert found is not None  # what a statement names is never taken away
        return BankLine.of(found)


@strawberry.type(description="That a payout is at the bank.")
class PayoutProof:
    bank_line_id: strawberry.ID = strawberry.field(description="Of the bank's line.")
    how: str = strawberry.field(description="REFERENCE, AMOUNT_AND_DATE or PERSON.")
    charges: BigInt = strawberry.field(description="That banks on the way kept, minor units.")
    made_by: str
    made_at: DateTime
    line_id: strawberry.Private[UUID]

    @classmethod
    def of(cls, row: ProofRow) -> "PayoutProof":
        return cls(
            bank_line_id=strawberry.ID(str(row.line_id)),
            how=row.how,
            charges=BigInt(row.charges),
            made_by=row.made_by,
            made_at=DateTime(row.made_at),
            line_id=row.line_id,
        )

    @strawberry.field(description="The bank's line itself.")
    async def line(self, info: Info) -> BankLine:
        found = await info.context.loaders.one(find.by_id, self.line_id)
        assert found is not None  # what proves a payout is never taken away
        return BankLine.of(found)


@strawberry.type(description="Money that left a PSE for the bank. `amount` in minor units; below zero the PSE took it.")
class Payout:
    id: strawberry.ID
    connection_id: strawberry.ID
    reference: str = strawberry.field(description="The PSE's.")
    amount: BigInt
    currency: CurrencyCode
    business_date: Date
    expected_at: Date | None = strawberry.field(description="At the bank, where the PSE says it.")
    row: strawberry.Private[PayoutRow]

    @classmethod
    def of(cls, row: PayoutRow) -> "Payout":
        return cls(
            id=strawberry.ID(str(row.id)),
            connection_id=strawberry.ID(str(row.connection_id)),
            reference=row.reference,
            amount=BigInt(row.amount),
            currency=CurrencyCode(row.currency),
            business_date=Date(row.business_date),
            expected_at=Date(row.expected_at) if row.expected_at else None,
            row=row,
        )

    @strawberry.field(description="Null: no statement shows it (yet).")
    async def proof(self, info: Info) -> PayoutProof | None:
        found = await info.context.loaders.one(find.of_payouts, self.row.id)
        return PayoutProof.of(found) if found else None

    @strawberry.field(description="Of one without proof: lines of its amount and days that prove nothing yet.")
    async def candidates(self, info: Info) -> list[BankLine]:
        found = await info.context.loaders.one(find.candidates, self.row.id)
        return [BankLine.of(row) for row in found or ()]

    @strawberry.field(
        description="Of one without proof: lines that are the sum of it and a few others. Nothing else says so."
    )
    async def shares(self, info: Info) -> list["PayoutShare"]:
        found = await info.context.loaders.one(find.shares, self.row.id)
        return [PayoutShare.of(one) for one in found or ()]


@strawberry.type(description="A line of the bank that may be several payouts.")
class PayoutShare:
    line: BankLine = strawberry.field(description="It proves nothing yet.")
    others: list[Payout] = strawberry.field(description="That came in it, too, if it is so.")

    @classmethod
    def of(cls, one: Shared) -> "PayoutShare":
        return cls(line=BankLine.of(one.line), others=[Payout.of(row) for row in one.others])
