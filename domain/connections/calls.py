"""The log of calls: each request to a PSE before it leaves, and its answer. What support reads."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.models import Answer, Call
from domain.platform import ids
from domain.platform.children import first_of_each
from domain.platform.database import execute

BODY_CHARACTERS_MAX: Final = 16_384
_SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "x-login", "x-trans-key"}
)


@dataclass(frozen=True, slots=True)
class About:
    """What a call is about."""

    merchant_id: UUID
    connection_id: UUID
    request_id: str
    # REFUND, LOOK_UP, PAYMENT, ACCOUNT, LISTING, REPORT, PREFLIGHT; a token request inside one of them is TOKEN
    purpose: str
    refund_id: UUID | None = None
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class SentCall:
    """A request as it leaves, already scrubbed by its connector."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Received:
    """An answer, already scrubbed; `status` None: there was none, and `error` says why."""

    status: int | None
    headers: Mapping[str, str]
    body: str
    duration_ms: int
    pse_request_id: str | None = None
    error: str | None = None


async def log_request(about: About, sent: SentCall) -> UUID:
    """Write the request down; its id."""
    call_id = ids.time_ordered()
    await execute(
        "INSERT INTO calls (id, merchant_id, connection_id, refund_id, attempt, request_id, purpose, method, url, "
        "  headers, body, sent_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, now())",
        call_id,
        about.merchant_id,
        about.connection_id,
        about.refund_id,
        about.attempt,
        about.request_id,
        about.purpose,
        sent.method,
        sent.url,
        json.dumps(redacted(sent.headers)),
        sent.body[:BODY_CHARACTERS_MAX],
    )
    return call_id


async def log_answer(call_id: UUID, received: Received) -> None:
    """Write the answer down, once."""
    await execute(
        "INSERT INTO answers (call_id, status, headers, body, pse_request_id, error, duration_ms, answered_at) "
        "VALUES ($1, $2, $3::jsonb, $4, $5, $6, $7, now()) ON CONFLICT DO NOTHING",
        call_id,
        received.status,
        json.dumps(redacted(received.headers)),
        received.body[:BODY_CHARACTERS_MAX].replace("\x00", ""),
        received.pse_request_id[:200] if received.pse_request_id else None,
        received.error[:500] if received.error else None,
        received.duration_ms,
    )


def redacted(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers without what opens doors."""
    return {
        name.lower(): "[redacted]" if name.lower() in _SECRET_HEADERS else value.replace("\x00", "")
        for name, value in headers.items()
    }


async def of_refunds(refund_ids: Sequence[UUID], limit: int) -> Mapping[UUID, list[tuple[Call, Answer | None]]]:
    """The newest `limit` calls about each refund, oldest first, with their answers."""
    newest = await first_of_each(Call, refund_ids, key="refund_id", order="sent_at DESC, id DESC", limit=limit)
    calls = [call.id for found in newest.values() for call in found]
    answers = {answer.call_id: answer for answer in await Answer.filter(call_id__in=calls)} if calls else {}
    return {refund: [(call, answers.get(call.id)) for call in reversed(found)] for refund, found in newest.items()}
