"""The modules of a connector's package: the same names for the same deeds at every PSE.

| file | deed |
|---|---|
| `connector.py` | what is asked for, and what is special about this PSE |
| `objects.py` | what its answers mean: `error_of`, `echoed`, `among`, `payment_of`, `shown_of` |
| `webhooks.py` | whether a webhook is the PSE's (`verify`), and what it tells (`told`) |
| `reports.py` | which reports there are, and how they come here: `fetch` |
| `lines.py` | a report's lines in canonical columns: `lines` |
| `proof.py` | what a report says of itself, compared with its rows |
| `setup.py` | what the PSE says of the merchant's account, before money depends on it: `setup` |
| `auth.py` | how a connection proves itself, where no scheme of the kit does |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx

from domain.pse.checking import Asking
from domain.pse.kit.interview import Interview
from domain.pse.kit.outcomes import ErrorAnswer
from domain.pse.reporting import Built, ReadReport, ReportDownload, ReportFile, Steps
from domain.pse.vocabulary import (
    CapturedPayment,
    Credentials,
    Outcome,
    Period,
    RefundOrder,
    Shown,
    Told,
    WebhookRequest,
)


class Objects(Protocol):
    """`objects.py`."""

    def error_of(self, response: httpx.Response) -> ErrorAnswer:
        """What an answer says that holds no refund. Total."""

    def echoed(self, order: RefundOrder, answer: Any) -> Outcome:
        """What a document means for the order that it must echo. Total."""


class Listing(Protocol):
    """`objects.py` of a PSE whose look-up shows the payment's refunds, none of which has our reference.

    capabilities.LookUp.BY_LISTING: what is listed before the first send is not ours.
    """

    def ids_within(self, order: RefundOrder, answer: Any) -> frozenset[str]:
        """The PSE's ids of the payment's refunds. Raises Unreadable."""

    def among(self, order: RefundOrder, answer: Any) -> Outcome:
        """What the list says of the order's refund; Unsent where it is not there. Total."""


class Payments(Protocol):
    """`objects.py` of a PSE that shows a payment with its refunds."""

    def payment_of(self, raw: Any) -> CapturedPayment | None:
        """The payment; None for one that is none of ours. Raises Unreadable."""


class Shows(Protocol):
    """`objects.py` of a PSE that can be asked for a payment."""

    def shown_of(self, raw: Any) -> Shown:
        """What it shows of the payment. Raises Unreadable."""


class Webhooks(Protocol):
    """`webhooks.py`."""

    def verify(self, credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
        """Raises BadSignature."""

    def told(self, body: bytes) -> list[Told]:
        """What an authentic webhook tells. Raises BadNotice."""


class Reports(Protocol):
    """`reports.py`."""

    def fetch(self, period: Period) -> Steps[Sequence[Built | ReportDownload]]:
        """The reports of the period's business date. Raises BadAnswer."""


class LinesPart(Protocol):
    """`lines.py`."""

    def lines(self, file: ReportFile, period: Period) -> ReadReport:
        """Raises BadReport."""


class Setup(Protocol):
    """`setup.py`."""

    def setup(self, interview: Interview) -> Asking[None]:
        """Ask the PSE about the interview's account, and say what was seen. Total; nothing is changed at the PSE."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The modules that a connector's package has; None: the PSE has nothing for it."""

    objects: Objects
    webhooks: Webhooks
    listing: Listing | None = None
    payments: Payments | None = None
    shows: Shows | None = None
    reports: Reports | None = None
    lines: LinesPart | None = None
    setup: Setup | None = None
