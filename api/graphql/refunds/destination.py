"""The account that a refund goes to: as it is given, as it is shown, and as the one who pays it reads it."""

from typing import Annotated

import strawberry

from api.graphql.transport.enums import described
from api.graphql.transport.scalars import DateTime
from domain.models import Destination as Row
from domain.pse.vocabulary import DestinationKind
from domain.refunds.approvals.rules import Word
from domain.refunds.destination.destinations import Given

WhoseWord = described(
    Word,
    "WhoseWord",
    "Whose word it is where the money goes.",
    {
        Word.STAFF: "Somebody of the merchant's, or their program, typed it.",
        Word.CUSTOMER: "It was typed behind the customer's link, or with the customer's own token.",
    },
)
DestinationKindEnum = strawberry.enum(DestinationKind, name="DestinationKind", description="What names an account.")


@strawberry.input(
    description="An account to pay to. PIX_KEY: pixKey. BR_BANK_ACCOUNT: bankCode, branch, account, accountType. "
    "MX_CLABE: clabe. CO_BANK_ACCOUNT: bankCode, account, accountType. EMAIL: email. All but EMAIL: holderName and "
    "holderTaxId. accountType is CHECKING, SAVINGS or PAYMENT."
)
class DestinationInput:
    kind: Annotated[DestinationKind, DestinationKindEnum]
    pix_key: str | None = None
    clabe: str | None = None
    bank_code: str | None = None
    branch: str | None = None
    account: str | None = None
    account_type: str | None = None
    email: str | None = None
    holder_name: str | None = None
    holder_tax_id: str | None = None

    def given(self) -> Given:
        """The values that were typed in."""
        names = ("pix_key", "clabe", "bank_code", "branch", "account", "account_type", "email")
        values = {name: getattr(self, name) for name in (*names, "holder_name", "holder_tax_id")}
        return Given(self.kind, {name: value for name, value in values.items() if value is not None})


@strawberry.type(description="Where the money goes, masked.")
class Destination:
    kind: Annotated[DestinationKind, DestinationKindEnum]
    masked: str
    fingerprint: str = strawberry.field(description="Names these very values; refundApprove wants it.")
    payer_matches: bool = strawberry.field(description="The holder's tax ID is the payer's.")
    provided_by: str
    whose_word: Annotated[Word, WhoseWord] | None = strawberry.field(
        description="STAFF, or CUSTOMER: typed behind the link, or with the customer's own token. Null: it is older."
    )
    provided_at: DateTime

    @classmethod
    def of(cls, row: Row) -> "Destination":
        return cls(
            kind=row.kind,
            masked=row.masked,
            fingerprint=row.fingerprint,
            payer_matches=row.payer_matches,
            provided_by=row.provided_by,
            whose_word=Word(row.whose_word) if row.whose_word else None,
            provided_at=DateTime(row.provided_at),
        )


@strawberry.type(description="A field of the account that a person pays to.")
class InstructionField:
    name: str
    value: str
