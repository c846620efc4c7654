"""The words every connector and its caller share. Pure data: no network, no database."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import httpx
import polars as pl

from domain.money import Money


class Method(StrEnum):
    """How the customer paid."""

    PIX = "PIX"
    BOLETO = "BOLETO"
    OXXO = "OXXO"
    SPEI = "SPEI"
    PSE_COLOMBIA = "PSE_COLOMBIA"
    CARD = "CARD"


class Route(StrEnum):
    """Where a refund of this method goes."""

    ORIGINAL = "ORIGINAL"
    PAYOUT_WITH_BANK_DATA = "PAYOUT_WITH_BANK_DATA"
    EMAIL_COLLECT = "EMAIL_COLLECT"
    UNSUPPORTED = "UNSUPPORTED"


@dataclass(frozen=True, slots=True)
class Capability:
    """What one PSE can do for one method, with the document that says so."""

    route: Route
    partial: bool
    several: bool
    window: timedelta | None  # from capture to the last moment a refund may be asked for; None: no limit
    key_lifetime: timedelta | None  # how long our reference works as idempotency key; None: it does not replay
    look_up: bool  # a refund can be asked for by our reference
    look_up_grace: timedelta  # "unknown to us" is believed only this long after the last send
    source: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """A merchant's account at a PSE. Secrets never show in a repr."""

    base_url: str  # host and path prefix, without a trailing slash
    client_id: str
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
    by_bank: bool  # started by the bank system (a Pix MED), not by the merchant
    kind: str  # the PSE's own word (Pix: natureza)
    requested_at: datetime | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class CapturedPayment:
    """A payment as the PSE lists it."""

    reference: str
    method: Method
    amount: Money
    captured_at: datetime
    payee_key: str | None  # which of the merchant's keys or accounts received it
    order_reference: str | None
    refunds: Sequence[KnownRefund] = ()


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` (included) to `end` (excluded), both UTC; `zone` is the IANA zone of the business dates."""

    base_url: str
    start: datetime
    end: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A webhook exactly as it came in. Header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing a webhook tells. `outcome` None: it proves nothing by itself, so the PSE must be asked."""

    payment_reference: str | None
    reference: str | None  # ours, if the PSE echoes it
    pse_refund_reference: str | None
    outcome: Outcome | None
    by_bank: bool = False


class TokenRefused(Exception):
    """The PSE gave no access token, so the order behind it was never sent."""


class BadSignature(Exception):
    """The webhook does not prove that it comes from the PSE."""


class BadNotice(Exception):
    """The webhook is authentic but cannot be read; the message says what is wrong."""


class BadAnswer(Exception):
    """The PSE answered a listing with something that cannot be used; the message says what."""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report as fetched: the bytes to keep, and what they are."""

    name: str
    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Wait:
    """A connector's wish to be resumed after so many seconds (a report that is being made)."""

    seconds: float


# The canonical columns of a report, in this order. Amounts in minor units; `type` is one of CAPTURE, REFUND; `state` is
# one of SUCCEEDED, PENDING, FAILED; `booked_at` is the PSE's time (UTC); `business_date` is in the period's zone.
REPORT_SCHEMA: Mapping[str, type[pl.DataType] | pl.DataType] = {
    "line": pl.Int64(),
    "type": pl.String(),
    "state": pl.String(),
    "payment_reference": pl.String(),
    "reference": pl.String(),
    "pse_refund_reference": pl.String(),
    "amount": pl.Int64(),
    "currency": pl.String(),
    "by_bank": pl.Boolean(),
    "kind": pl.String(),
    "booked_at": pl.Datetime("us", "UTC"),
    "business_date": pl.Date(),
}


class Connector(Protocol):
    """One PSE's wire, stateless: it builds requests and reads answers, and never touches a network."""

    name: str
    capabilities: Mapping[Method, Capability]

    def auth(self, credentials: Credentials) -> httpx.Auth: ...

    def refund(self, order: RefundOrder) -> httpx.Request: ...

    def read_refund(self, order: RefundOrder, response: httpx.Response) -> Outcome: ...

    def look_up(self, order: RefundOrder) -> httpx.Request | None: ...

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome: ...

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request | None:
        """Ask for one payment with all its refunds; None where the PSE cannot be asked."""

    def read_payment(self, response: httpx.Response) -> CapturedPayment | None:
        """The payment, None when the PSE does not know it. Raises BadAnswer."""

    def read_webhook(self, credentials: Credentials, request: WebhookRequest, now: datetime) -> list[Notice]:
        """Raises BadSignature, BadNotice."""

    def payments(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Iterable[CapturedPayment]]:
        """Payments captured in the period. Raises BadAnswer."""

    def reports(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, list[ReportFile]]:
        """The raw report of the business date whose local midnight-to-midnight the period is. Raises BadAnswer."""

    def read_report(self, file: ReportFile, period: Period) -> pl.LazyFrame:
        """The report's lines in the columns of REPORT_SCHEMA. Raises BadAnswer."""

    def request_id(self, response: httpx.Response) -> str | None:
        """The PSE's own id of the exchange, for its support desk."""

    def explain(self, code: str) -> str | None:
        """What one of this PSE's codes means and what to do about it, in English; None for an unknown code."""

    def scrub(self, text: str) -> str:
        """`text` (a body or URL of this wire) without secrets and personal data, fit for a log."""
