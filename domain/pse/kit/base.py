"""What most connectors do alike, and what a PSE does not have.

A connector names its modules (`parts`) and what is special about its PSE; what it leaves out is answered here,
honestly: a PSE that has no reports has none to fetch.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

import httpx

from domain.pse.capabilities import Capability, load
from domain.pse.checking import Asking, Checked, PseAccount
from domain.pse.connector import Connector
from domain.pse.kit import answers, exact, hiding, outcomes, requests
from domain.pse.kit.bearer import Bearer
from domain.pse.kit.interview import Interview, refuses_us
from domain.pse.kit.outcomes import ErrorAnswer
from domain.pse.kit.parts import Parts
from domain.pse.kit.scrubbing import Scrubbed
from domain.pse.kit.unreadable import Unreadable, told_as
from domain.pse.kit.words import Words, words_of
from domain.pse.reporting import BadReport, Built, ReadReport, ReportDownload, ReportFile, Steps
from domain.pse.vocabulary import (
    BadAnswer,
    CapturedPayment,
    Credentials,
    Method,
    NotTold,
    Outcome,
    PaymentAsked,
    Period,
    RefundOrder,
    Standing,
    Told,
    WebhookRequest,
)


class Base(Connector):
    """Defaults of the protocol, and the declarations that steer them.

    `headers`: those of every request. `bearer`: the secret that is the account's token, where a fixed one is all it
    takes. `accepted`: statuses of answers that hold a refund. `refusing`: those with which the PSE itself refuses an
    order for good, if it explains them. `hides_refusals`: it answers a key that it refuses with 200.
    `request_id_headers`, `request_id_field`: where its own id of an exchange is, the field in the body of an error.
    """

    parts: ClassVar[Parts]
    capabilities: Mapping[Method, Capability] = {}
    report_lag_days: int | None = None
    words: ClassVar[Words]
    scrubbed: ClassVar[Sequence[Scrubbed]] = ()
    headers: ClassVar[Mapping[str, str]] = requests.JSON
    bearer: ClassVar[str] = "api_key"
    accepted: ClassVar[Collection[int]] = (200,)
    refusing: ClassVar[Collection[int]] = ()
    hides_refusals: ClassVar[bool] = False
    request_id_headers: ClassVar[Sequence[str]] = ("x-request-id",)
    request_id_field: ClassVar[str | None] = None

    def __init_subclass__(cls) -> None:
        """Its capabilities, and what its PSE's words mean, are in the tables beside it."""
        cls.capabilities = load(cls.name)
        cls.words = words_of(cls.name)
        cls.scrubbed = cls.words.scrubbed

    def auth(self, credentials: Credentials) -> httpx.Auth:
        """A fixed bearer token."""
        return Bearer(credentials.secrets[self.bearer])

    def get(self, base_url: str, *parts: str, **asked: str) -> httpx.Request:
        """Ask for what is at this place below a base, with these parameters."""
        return requests.get(base_url, *parts, headers=self.headers, asked=asked)

    def post(self, base_url: str, *parts: str, body: Mapping[str, object]) -> httpx.Request:
        """Send `body` as JSON to this place below a base."""
        return requests.post(base_url, *parts, body=body, headers=self.headers)

    # The refund

    def snapshot(self, order: RefundOrder) -> httpx.Request | None:
        """The look-up, where it lists the payment's refunds; None: a look-up by reference needs no snapshot."""
        return None if self.parts.listing is None else self.look_up(order)

    def read_snapshot(self, order: RefundOrder, response: httpx.Response) -> frozenset[str]:
        """What is not ours. Raises BadAnswer."""
        if self.parts.listing is None:
            return frozenset()
        with told_as(BadAnswer, "The payment's refunds cannot be read"):
            if response.status_code != 200:
                raise Unreadable(f"status {response.status_code}")
            return self.parts.listing.ids_within(order, exact.document(response.content))

    def read_refund(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Total: whatever a server may send has a meaning, and what is not clear is in doubt."""
        if response.status_code in self.accepted:
            return self.parts.objects.echoed(order, exact.document(response.content))
        error = self.parts.objects.error_of(response)
        unheard = response.status_code < 500 and error.code in self.words.refusals.unheard
        if unheard or response.status_code in outcomes.UNHEARD:
            return error.unsent()
        if error.code in self.words.refusals.doubtful:
            return error.in_doubt()
        return self.read_refusal(order, response, error)

    def read_refusal(self, order: RefundOrder, response: httpx.Response, error: ErrorAnswer) -> Outcome:
        """What an answer means that holds no refund and is not about our access or pace."""
        if response.status_code in self.refusing and error.explained:
            return error.refused(order)
        return error.in_doubt()

    def look_up(self, order: RefundOrder) -> httpx.Request | None:
        """The payment, where it shows its refunds and none by our reference; else None: the PSE cannot be asked."""
        if self.parts.listing is None:
            return None
        return self.look_up_payment(order.base_url, order.payment_reference)

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Total, as `read_refund`; what is not answered with 200 proves nothing."""
        if response.status_code == 200:
            return self.found(order, exact.document(response.content))
        return self.parts.objects.error_of(response).in_doubt()

    def found(self, order: RefundOrder, answer: Any) -> Outcome:
        """What a look-up's answer means: the payment's refunds, or the refund itself."""
        if self.parts.listing is not None:
            return self.parts.listing.among(order, answer)
        return self.parts.objects.echoed(order, answer)

    # The payment

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request | None:
        """None: the PSE publishes no payment with its refunds."""
        return None

    def read_payment(self, response: httpx.Response) -> CapturedPayment | None:
        """The payment with its refunds. Raises BadAnswer, also where the PSE publishes none."""
        if self.parts.payments is None:
            raise BadAnswer("This PSE publishes no payment with its refunds.")
        return answers.payment_in(response, self.parts.payments.payment_of)

    def ask_payment(self, asked: PaymentAsked) -> httpx.Request | None:
        """The payment with its refunds, where it is shown so."""
        return None if self.parts.shows is None else self.look_up_payment(asked.base_url, asked.reference)

    def read_standing(self, asked: PaymentAsked, response: httpx.Response) -> Standing:
        """Total; what is not clearly told is NotTold."""
        if self.parts.shows is None:
            return NotTold("NOT_ASKABLE", f"{self.name} cannot be asked for a payment.")
        if response.status_code == 200:
            return answers.shown_in(asked, exact.document(response.content), self.parts.shows.shown_of)
        return answers.not_shown(self.words, response, self.parts.objects.error_of(response))

    def ask_account(self, base_url: str) -> httpx.Request | None:
        """None: the PSE shows a key nothing but its account's."""
        return None

    def read_account(self, response: httpx.Response) -> str | None:
        """None."""
        return None

    def payments(self, period: Period) -> Steps[Iterable[CapturedPayment]]:
        """None: the PSE publishes no listing of payments."""
        yield from ()
        return []

    # Webhooks

    def verify_webhook(self, credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
        """Raises BadSignature."""
        self.parts.webhooks.verify(credentials, request, now)

    def read_webhook(self, request: WebhookRequest) -> list[Told]:
        """Raises BadNotice."""
        return self.parts.webhooks.told(request.body)

    # Reports

    @property
    def report_by_hand(self) -> bool:
        """Whether what it publishes of its report is the columns, and no way to fetch it."""
        return self.parts.lines is not None and self.parts.reports is None

    def reports(self, period: Period) -> Steps[Sequence[Built | ReportDownload]]:
        """Raises BadAnswer. None to fetch where none is published: see `report_lag_days`."""
        if self.parts.reports is None:
            return []
        return (yield from self.parts.reports.fetch(period))

    def read_report(self, file: ReportFile, period: Period) -> ReadReport:
        """Raises BadReport, also where no report of the PSE is published."""
        if self.parts.lines is None:
            raise BadReport(file.name, f"no report of {self.name} can be read: its columns are not published.")
        return self.parts.lines.lines(file, period)

    # The preflight

    def refuses_us(self, response: httpx.Response) -> bool:
        """By its status, or by the PSE's codes for a key, an address and a merchant."""
        if response.is_success and not self.hides_refusals:
            return False
        return refuses_us(self.words.setup, response.status_code, self.parts.objects.error_of(response))

    def is_live(self, credentials: Credentials) -> bool:
        """By its host, or by how its secrets begin."""
        words, host = self.words.setup, httpx.URL(credentials.base_url).host
        secret = credentials.secrets.get(self.bearer, "")
        return host.endswith(tuple(words.live_hosts)) or secret.startswith(tuple(words.live_secrets))

    def webhook_address(self, credentials: Credentials, url: str) -> str:
        """The same, where webhooks are signed."""
        return url

    def setup(self, account: PseAccount) -> Asking[Sequence[Checked]]:
        """A check each; what the PSE tells to no program says so."""
        interview = Interview(account, self.words.setup, self.parts.objects.error_of, self.headers)
        if self.parts.setup is not None:
            yield from self.parts.setup.setup(interview)
        return [replace(check, saw=self.scrub(check.saw)) for check in interview.checks()]

    # For people

    def request_id(self, response: httpx.Response) -> str | None:
        """From a header, else from the body of an error, where it is there."""
        for name in self.request_id_headers:
            if response.headers.get(name):
                return str(response.headers[name])
        if self.request_id_field is None or response.status_code < 400:
            return None
        found = exact.inner(exact.document(response.content), self.request_id_field)
        return found if isinstance(found, str) else None

    def scrub(self, text: str) -> str:
        """`text` without what stands under a hidden name, in JSON, and without each of `scrubbed`."""
        text = hiding.hide(text, self.words.hidden)
        for pattern, instead in self.scrubbed:
            text = pattern.sub(instead, text)
        return text
