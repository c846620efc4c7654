"""The protocol that every PSE's connector follows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import httpx

from domain.pse.capabilities import Capability
from domain.pse.checking import Asking, Checked, PseAccount
from domain.pse.reporting import Built, ReadReport, ReportDownload, ReportFile, Steps
from domain.pse.vocabulary import (
    CapturedPayment,
    Credentials,
    Method,
    Outcome,
    PaymentAsked,
    Period,
    RefundOrder,
    Standing,
    Told,
    WebhookRequest,
)


class Connector(Protocol):
    """One PSE's wire, stateless: it builds requests and reads answers, and never touches a network."""

    name: str
    capabilities: Mapping[Method, Capability]
    report_lag_days: (
        int | None
    )  # a refund's line comes at most so many days after it; None: none is published to be fetched

    @property
    def report_by_hand(self) -> bool:
        """Whether it has a report that can be read, and that a person downloads and hands in."""

    def auth(self, credentials: Credentials) -> httpx.Auth:
        """How a request proves whose it is; a token that is to be fetched is fetched there."""

    def snapshot(self, order: RefundOrder) -> httpx.Request | None:
        """Ask for the payment's refunds before the first send, where the look-up is BY_LISTING; else None."""

    def read_snapshot(self, order: RefundOrder, response: httpx.Response) -> frozenset[str]:
        """The PSE's ids of the refunds that are there already. Raises BadAnswer."""

    def refund(self, order: RefundOrder) -> httpx.Request:
        """The request that sends a refund. It is made of `order` alone: neither time nor chance goes into it."""

    def read_refund(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Total: whatever a server may send has a meaning, and what is not clear is InDoubt."""

    def look_up(self, order: RefundOrder) -> httpx.Request | None:
        """Ask about the refund; None when it cannot be asked about (Capability.can_ask)."""

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Total, as `read_refund`; Unsent only when the PSE clearly says that it does not know the refund."""

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request | None:
        """Ask for one payment with all its refunds; None where the PSE cannot be asked."""

    def read_payment(self, response: httpx.Response) -> CapturedPayment | None:
        """The payment, None when the PSE does not know it. Raises BadAnswer."""

    def ask_payment(self, asked: PaymentAsked) -> httpx.Request | None:
        """Ask whether the payment is one of the account's, and what it is; None where the PSE cannot be asked."""

    def read_standing(self, asked: PaymentAsked, response: httpx.Response) -> Standing:
        """Total; NotThere only when the PSE itself says that it does not know the payment."""

    def ask_account(self, base_url: str) -> httpx.Request | None:
        """Ask whose the key is, where the PSE shows payments of others, too; None: what it shows is the account's."""

    def read_account(self, response: httpx.Response) -> str | None:
        """The PSE's number of the account; None: it does not say."""

    def verify_webhook(self, credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
        """Raises BadSignature."""

    def read_webhook(self, request: WebhookRequest) -> list[Told]:
        """What an authentic webhook tells. Raises BadNotice."""

    def payments(self, period: Period) -> Steps[Iterable[CapturedPayment]]:
        """Payments captured in the period; none where the PSE publishes no listing. Raises BadAnswer; PartlyListed
        where some can be read.

        It gets every answer of the PSE but those about access, load and failure (401, 403, 408, 425, 429, 5xx).
        """

    def reports(self, period: Period) -> Steps[Sequence[Built | ReportDownload]]:
        """The reports of the business date whose local midnight-to-midnight the period is. Raises BadAnswer."""

    def read_report(self, file: ReportFile, period: Period) -> ReadReport:
        """Raises BadReport."""

    def refuses_us(self, response: httpx.Response) -> bool:
        """Whether an answer refuses our key, our address or the merchant, and not what was asked for."""

    def is_live(self, credentials: Credentials) -> bool:
        """Whether it can be seen from the credentials that the account is one with money of customers in it."""

    def webhook_address(self, credentials: Credentials, url: str) -> str:
        """What is registered at the PSE where `url` is where it is to tell: maybe with a secret behind it."""

    def setup(self, account: PseAccount) -> Asking[Sequence[Checked]]:
        """The preflight: what the PSE says of the account, a check each but CLOCK and CERTIFICATE. Total.

        It gets every answer, or why there was none. Nothing is changed at the PSE, and no money moves.
        """

    def request_id(self, response: httpx.Response) -> str | None:
        """The PSE's own id of the exchange, for its support desk."""

    def scrub(self, text: str) -> str:
        """`text` (a body or URL of this wire) without secrets and personal data, fit for a log."""
