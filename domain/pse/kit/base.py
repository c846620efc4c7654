"""What a PSE does not have: the connector of a PSE that can be sent a refund and be heard, and nothing else.

A connector writes what its PSE has over these; what it leaves out is answered here, honestly.
"""

import re
from collections.abc import Generator, Iterable, Sequence
from typing import ClassVar

import httpx

from domain.pse.connector import Connector
from domain.pse.reporting import BadReport, Built, Download, Report, ReportFile
from domain.pse.vocabulary import BadAnswer, CapturedPayment, InDoubt, Outcome, Period, RefundOrder, Wait


class Base(Connector):
    """Defaults of the protocol. `scrubbed`: patterns of what may not be logged, each with what stands in its place."""

    report_lag_days: int | None = None
    scrubbed: ClassVar[Sequence[tuple[re.Pattern[str], str]]] = ()

    def snapshot(self, order: RefundOrder) -> httpx.Request | None:
        """None: a look-up by reference needs none."""
        return None

    def read_snapshot(self, order: RefundOrder, response: httpx.Response) -> frozenset[str]:
        """Nothing was asked."""
        return frozenset()

    def look_up(self, order: RefundOrder) -> httpx.Request | None:
        """None: the PSE cannot be asked."""
        return None

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """In doubt: nothing was asked."""
        return InDoubt("UNREADABLE", "This PSE cannot be asked about a refund.")

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request | None:
        """None: the PSE publishes no payment with its refunds."""
        return None

    def read_payment(self, response: httpx.Response) -> CapturedPayment | None:
        """Raises BadAnswer: nothing was asked."""
        raise BadAnswer("This PSE publishes no payment with its refunds.")

    def payments(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Iterable[CapturedPayment]]:
        """None: the PSE publishes no listing of payments."""
        yield from ()
        return []

    def reports(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Sequence[Built | Download]]:
        """None to fetch: see `report_lag_days`."""
        yield from ()
        return []

    def read_report(self, file: ReportFile, period: Period) -> Report:
        """Raises BadReport: no report of the PSE is published."""
        raise BadReport(file.name, f"no report of {self.name} can be read: its columns are not published.")

    def request_id(self, response: httpx.Response) -> str | None:
        """The header that most PSEs use, where it is there."""
        found: str | None = response.headers.get("x-request-id")
        return found

    def scrub(self, text: str) -> str:
        """`text` with each of `scrubbed` taken out."""
        for pattern, instead in self.scrubbed:
            text = pattern.sub(instead, text)
        return text
