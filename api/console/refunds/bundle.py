"""The support bundle: what went over the wire for one refund, redacted, as text that a PSE's support desk can read."""

from collections.abc import Iterator, Mapping
from typing import Any

from api.console.page import Asked, Data, Download

# English in every language: its reader is the PSE's support desk.
_LINE = "-" * 78
BUNDLED = 50  # of calls, and of webhooks, as the document asks for: the newest


def bundle(asked: Asked, data: Data) -> Download:
    """The file."""
    refund = data["refund"]
    text = "\n".join([*_head(refund), *_calls(refund["calls"]), *_webhooks(refund["webhooks"]), ""])
    return Download(f"refund-{refund['reference']}.txt", "text/plain; charset=utf-8", text.encode())


def _head(refund: Mapping[str, Any]) -> Iterator[str]:
    payment = refund["payment"]
    yield "Refund: what was sent and what was answered. Secrets and personal data are redacted. Times are UTC."
    yield _LINE
    for name, value in (
        ("Our reference", refund["reference"]),
        ("PSE's reference", refund["pseReference"]),
        ("Amount", refund["amount"]["display"]),
        ("State", refund["status"]),
        ("Asked for", refund["createdAt"]),
        ("Request ID", refund["requestId"]),
        ("PSE", f"{payment['connection']['pse']} ({payment['connection']['name']})"),
        ("Payment's reference", payment["pseReference"]),
        ("Payment", f"{payment['captured']['display']} by {payment['method']}, {payment['capturedAt']}"),
    ):
        yield f"{name + ':':<22}{value if value is not None else '-'}"


def _calls(calls: list[Mapping[str, Any]]) -> Iterator[str]:
    if len(calls) == BUNDLED:
        yield f"These are the newest {BUNDLED} calls; there may be older ones."
    for number, call in enumerate(calls, 1):
        yield _LINE
        attempt = f", attempt {call['attempt']}" if call["attempt"] else ""
        yield f"Call {number} of {len(calls)}: {call['purpose']}{attempt}, {call['sentAt']}"
        yield f"> {call['method']} {call['url']}"
        yield from _message(">", call)
        answer = call["answer"]
        if answer is None or answer["status"] is None:
            yield f"< no answer{': ' + answer['error'] if answer and answer['error'] else ''}"
            continue
        yield f"< {answer['status']} after {answer['durationMs']} ms; PSE's request ID: {answer['pseRequestId'] or '-'}"
        yield from _message("<", answer)


def _message(mark: str, message: Mapping[str, Any]) -> Iterator[str]:
    for one in message["headers"]:
        yield f"{mark} {one['name']}: {one['value']}"
    yield mark
    yield from (f"{mark} {line}" for line in message["body"].splitlines())


def _webhooks(webhooks: list[Mapping[str, Any]]) -> Iterator[str]:
    if len(webhooks) == BUNDLED:
        yield f"These are the newest {BUNDLED} webhooks; there may be older ones."
    for number, one in enumerate(webhooks, 1):
        yield _LINE
        yield f"Webhook {number} of {len(webhooks)}: {one['receivedAt']}, received {one['timesReceived']} times"
        yield from (f"< {line}" for line in one["body"].splitlines())
