"""Driving a connector's sans-IO generators: listings of payments and reports, page by page, over the sender."""

import asyncio
import hashlib
from collections.abc import Generator
from pathlib import Path
from typing import Final, TypeVar

import httpx

from domain.connections.calls import About
from domain.models import Connection
from domain.pse.reporting import CAN_DO_WITHOUT, Built, ReportDownload, ReportFile
from domain.pse.vocabulary import InDoubt, Unsent, Wait
from jobs.wire.sender import Sender

T = TypeVar("T")
_STEPS_MAX: Final = 10_000
_TRIES: Final = 4
_PAUSE_SECONDS: Final = 0.5


class ListingFailed(RuntimeError):
    """A PSE's listing could not be read to its end; the message says where and why."""


async def drive(
    steps: Generator[httpx.Request | Wait, httpx.Response, T], connection: Connection, about: About, sender: Sender
) -> T:
    """Run the generator to its result. Reading is safe to repeat, so a failed page is asked for again a few times.

    Raises ListingFailed, BadAnswer.
    """
    try:
        wish = next(steps)
        for _ in range(_STEPS_MAX):
            if isinstance(wish, Wait):
                await asyncio.sleep(wish.seconds)
                wish = steps.send(httpx.Response(204))
            else:
                wish = steps.send(await _fetch(wish, connection, about, sender))
    except StopIteration as done:
        result: T = done.value
        return result
    raise ListingFailed(f"The listing of {connection.name} did not end after {_STEPS_MAX} pages.")


async def _fetch(request: httpx.Request, connection: Connection, about: About, sender: Sender) -> httpx.Response:
    if request.extensions.get(CAN_DO_WITHOUT):
        answer = await sender.send(connection, request, about)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(503)
    said = ""
    for attempt in range(_TRIES):
        if attempt:
            await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)
        answer = await sender.send(connection, request, about)
        if isinstance(answer, httpx.Response) and not _worth_another_try(answer.status_code):
            return answer
        said = _said(answer)
    raise ListingFailed(f"{request.method} {request.url.path} of {connection.name} failed {_TRIES} times: {said}")


def _worth_another_try(status: int) -> bool:
    return status >= 500 or status in (401, 403, 408, 425, 429)


async def fetch(
    report: Built | ReportDownload, connection: Connection, about: About, sender: Sender, folder: Path
) -> ReportFile:
    """The report in a file of `folder`. Raises ListingFailed."""
    path = folder / hashlib.sha256(report.name.encode()).hexdigest()
    if isinstance(report, Built):
        path.write_bytes(report.content)
        return ReportFile(report.name, report.content_type, path)
    said = ""
    for attempt in range(_TRIES):
        if attempt:
            await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)
        answer = await sender.download(connection, report.request, about, path)
        if isinstance(answer, httpx.Response) and answer.status_code == 200:
            return ReportFile(report.name, report.content_type, path)
        said = _said(answer)
        if isinstance(answer, httpx.Response) and not _worth_another_try(answer.status_code):
            break  # it is not there: asking at once again gives the same
    raise ListingFailed(f"Report {report.name} of {connection.name} could not be fetched: {said}")


def _said(answer: httpx.Response | Unsent | InDoubt) -> str:
    if isinstance(answer, httpx.Response):
        return f"status {answer.status_code} {answer.text[:200]}"
    return f"{answer.code} {answer.message}"
