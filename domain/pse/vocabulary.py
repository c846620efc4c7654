"""The words every connector and its caller share. Pure data: no network, no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from domain.money import Money


class Method(StrEnum):
    """How the customer paid."""

    PIX = "PIX"
    BOLETO = "BOLETO"
    OXXO = "OXXO"
    SPEI = "SPEI"
    PSE_COLOMBIA = "PSE_COLOMBIA"
    CARD = "CARD"
    BANK_TRANSFER = "BANK_TRANSFER"


class DestinationKind(StrEnum):
    """What names an account that money can be paid to."""

    PIX_KEY = "PIX_KEY"
    BR_BANK_ACCOUNT = "BR_BANK_ACCOUNT"
    MX_CLABE = "MX_CLABE"
    CO_BANK_ACCOUNT = "CO_BANK_ACCOUNT"
    EMAIL = "EMAIL"  # where the PSE itself asks the customer


@dataclass(frozen=True, slots=True)
class AccountDetails:
    """Where the money goes when there is no way back. `values` by kind; never in a repr, a log or a call.

    All but EMAIL: holder_name, holder_tax_id. PIX_KEY: pix_key. BR_BANK_ACCOUNT: bank_code, branch, account,
    account_type (CHECKING, SAVINGS, PAYMENT). MX_CLABE: clabe. CO_BANK_ACCOUNT: bank_code, account, account_type.
    EMAIL: email.
    """

    kind: DestinationKind
    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A merchant's account at a PSE. Secrets never show in a repr."""

    base_url: str  # host and path prefix, without a trailing slash
    client_id: str  # the merchant's account at the PSE
    secrets: Mapping[str, str] = field(repr=False)
    token_url: str | None = None


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """Everything a connector needs to ask for a refund, or to ask about one."""

    base_url: str
    reference: str  # ours: 20 characters [0-9a-z], the same on every attempt
    payment_reference: str  # the PSE's reference of the captured payment
    pse_refund_reference: str | None  # the PSE's reference of the refund, once known
    method: Method
    amount: Money
    captured: Money
    attempt: int  # 1 for the first send
    succeeded: bool  # the PSE has already said that the money left
    description: str | None = None
    client_id: str = ""  # the merchant's account at the PSE
    # The PSE's ids of the payment's refunds that are not this one: listed before the first send, or our other refunds'.
    not_ours: frozenset[str] = frozenset()
    destination: AccountDetails | None = None
    webhook_url: str | None = None  # where the PSE is to tell, where it wants to know it with each order


@dataclass(frozen=True, slots=True)
class Accepted:
    """The PSE has it and has not decided."""

    pse_refund_reference: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The PSE says the money has left. `at` is the PSE's own time (UTC), where it gives one."""

    pse_refund_reference: str | None = None
    at: datetime | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """The PSE refused for good: no money moved, and none will for this reference."""

    code: str
    message: str
    pse_refund_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """The money had left and came back."""

    code: str
    message: str
    pse_refund_reference: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unsent:
    """Certain: the order never reached the PSE, or the PSE (asked by our reference) does not know it."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The PSE may or may not have it. `refusal`: it answered with an ambiguous "no" that a look-up must confirm."""

    code: str
    message: str
    refusal: bool = False
    needs_person: bool = False  # asking again cannot help: what the PSE holds under our reference is not our order


Outcome = Accepted | Succeeded | Declined | Returned | Unsent | InDoubt


@dataclass(frozen=True, slots=True)
class KnownRefund:
    """A refund as the PSE lists it, ours or one it or the bank started."""

    reference: str  # the id it was asked for with: ours, or the bank's
    pse_refund_reference: str | None
    amount: Money
    outcome: Accepted | Succeeded | Declined
    by_bank: bool = False  # started by the bank system (a Pix MED), not by the merchant
    kind: str = "refund"  # the PSE's own word (Pix: natureza)
    requested_at: datetime | None = None
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CapturedPayment:
    """A payment as the PSE lists it."""

    reference: str
    method: Method
    amount: Money
    captured_at: datetime
    payee_key: str | None = None  # which of the merchant's keys or accounts received it
    order_reference: str | None = None
    refunds: Sequence[KnownRefund] = ()


@dataclass(frozen=True, slots=True)
class PaymentAsked:
    """A payment that the PSE is asked for: by its reference there, on the merchant's account (`client_id`)."""

    base_url: str
    reference: str
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """The PSE shows this payment under the account. `status` is its own word; `captured`: the money was taken.

    `methods`: as which of ours it may be registered; none: by a method (`method_said`) that we have no word for.
    `account`: whose it is, where the PSE says so; `ours`: it is the account's that was asked. `given_back`: how much of
    it has left again, by whatever refund or chargeback (minor units). `payee_key`: which key received it.
    """

    names: frozenset[str]
    amount: Money
    status: str
    captured: bool
    methods: frozenset[Method] = frozenset()
    method_said: str = ""
    account: str | None = None
    ours: bool = True
    given_back: int = 0
    payee_key: str | None = None


@dataclass(frozen=True, slots=True)
class NotThere:
    """The PSE says, in its own words, that it does not know the payment under this account."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class NotTold:
    """What came back says nothing about the payment: the PSE was in trouble, refused us, or cannot be understood."""

    code: str
    message: str


Standing = Shown | NotThere | NotTold


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` (included) to `end` (excluded), both UTC; `zone` is the IANA zone of the business dates."""

    base_url: str
    start: datetime
    end: datetime
    zone: str
    client_id: str = ""  # the merchant's account at the PSE
    report_url: str | None = None  # where reports are fetched, where that is another host
    announced: tuple[str, ...] = ()  # reports that a webhook has announced, by name, oldest first, not yet fetched
    fetched: tuple[str, ...] = ()  # the newest reports that were fetched, by name
    currency: str | None = None  # of the payments that are known there, where all have one

    @property
    def business_date(self) -> date:
        """The business date that begins with the period."""
        return self.start.astimezone(ZoneInfo(self.zone)).date()

    @property
    def unix(self) -> tuple[int, int]:
        """Start and end in whole seconds since 1970."""
        return int(self.start.timestamp()), int(self.end.timestamp())


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A webhook exactly as it came in. Header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class TellsOfRefund:
    """One thing a webhook tells. `outcome` None: it proves nothing by itself, so the PSE must be asked."""

    payment_reference: str | None
    reference: str | None  # ours, if the PSE echoes it
    pse_refund_reference: str | None
    outcome: Outcome | None
    by_bank: bool = False
    amount: Money | None = None  # of the refund, if it is told: another amount than ours is never applied
    payment_alias: str | None = None  # another id of the payment at the PSE, by which it may be registered


@dataclass(frozen=True, slots=True)
class Announced:
    """A webhook tells that a report can be fetched."""

    report: str


@dataclass(frozen=True, slots=True)
class Captured:
    """A verified webhook tells that a payment was captured, and all that it shows of it."""

    payment: Shown


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """A webhook tells something that this connector does not know; it is kept and shown, and moves nothing."""

    what: str


@dataclass(frozen=True, slots=True)
class ChargedBack:
    """A signed webhook tells that the customer's bank took money back or, `reversed`, gave it again.

    `name`: of this stage of the dispute, the same as its line in a report has. `amount` None: the PSE does not say.
    """

    payment_reference: str
    payment_alias: str | None
    name: str
    amount: Money | None
    reversed: bool


Told = TellsOfRefund | Announced | NotUnderstood | ChargedBack | Captured


# A request that an Auth flow makes for itself says so in `extensions[PURPOSE] = TOKEN`: it is not the order, and when
# it gets no answer the order was not sent.
PURPOSE: Final = "estorno_purpose"
TOKEN: Final = "TOKEN"  # noqa: S105 - the name of a purpose


class TokenRefused(Exception):
    """The PSE gave no access token, so the order behind it was never sent."""


class TokenUnavailable(TokenRefused):
    """It gave none because it was in trouble itself, or wants to be asked later: that says nothing of who asked."""


class BadSignature(Exception):
    """The webhook does not prove that it comes from the PSE."""


class BadNotice(Exception):
    """The webhook is authentic but cannot be read; the message says what is wrong."""


class BadAnswer(Exception):
    """The PSE answered a listing with something that cannot be used; the message says what."""


class PartlyListed(BadAnswer):
    """Some of the payments that the PSE lists cannot be read: the message names the first; `read` are the others."""

    def __init__(self, said: str, read: "Sequence[CapturedPayment]") -> None:
        super().__init__(said)
        self.read = read


class NotYet(BadAnswer):
    """The PSE has not made what was asked for yet, and nothing is wrong with that; the message says what is awaited."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A connector's wish to be resumed after so many seconds (a report that is being made)."""

    seconds: float
