"""What support reads: each call to a PSE with its answer, and the webhooks, redacted."""

import strawberry

from api.graphql.transport.paging import bounded
from api.graphql.transport.scalars import DateTime
from domain.models import Answer as AnswerRow
from domain.models import Call as CallRow
from domain.models import Connection as ConnectionRow
from domain.models import Notice as NoticeRow
from domain.pse.registry import connector

_HEADERS = 40  # more than any PSE sends


@strawberry.type(description="A header of a call or an answer; secrets are redacted.")
class Header:
    name: str
    value: str


def _headers(values: dict[str, str], first: int) -> list[Header]:
    return [Header(name=name, value=value) for name, value in sorted(values.items())[: bounded(first)]]


@strawberry.type(description="What the PSE answered, or why there was no answer.")
class Answer:
    status: int | None = strawberry.field(description="The HTTP status; null: there was no answer, see `error`.")
    sent_headers: strawberry.Private[dict[str, str]]
    body: str
    pse_request_id: str | None
    error: str | None
    duration_ms: int
    answered_at: DateTime

    @strawberry.field(description="By name. `first` is 1-100.")
    def headers(self, first: int = _HEADERS) -> list[Header]:
        return _headers(self.sent_headers, first)


@strawberry.type(description="One request to the PSE, written down before it left.")
class Call:
    id: strawberry.ID
    purpose: str = strawberry.field(description="REFUND, LOOK_UP, PAYMENT, LISTING, REPORT or TOKEN.")
    attempt: int | None
    request_id: str
    method: str
    url: str
    sent_headers: strawberry.Private[dict[str, str]]
    body: str
    sent_at: DateTime
    answer: Answer | None

    @strawberry.field(description="By name. `first` is 1-100.")
    def headers(self, first: int = _HEADERS) -> list[Header]:
        return _headers(self.sent_headers, first)

    @classmethod
    def of(cls, row: CallRow, answer: AnswerRow | None) -> "Call":
        return cls(
            id=strawberry.ID(str(row.id)),
            purpose=row.purpose,
            attempt=row.attempt,
            request_id=row.request_id,
            method=row.method,
            url=row.url,
            sent_headers=row.headers,
            body=row.body,
            sent_at=DateTime(row.sent_at),
            answer=_answer(answer) if answer else None,
        )


def _answer(row: AnswerRow) -> Answer:
    return Answer(
        status=row.status,
        sent_headers=row.headers,
        body=row.body,
        pse_request_id=row.pse_request_id,
        error=row.error,
        duration_ms=row.duration_ms,
        answered_at=DateTime(row.answered_at),
    )


@strawberry.type(description="A webhook that spoke of the refund, as it came in (personal data removed).")
class Webhook:
    id: strawberry.ID
    received_at: DateTime
    times_received: int
    applied_at: DateTime | None
    body: str

    @classmethod
    def of(cls, row: NoticeRow, connection: ConnectionRow) -> "Webhook":
        wire = connector(connection.pse)
        return cls(
            id=strawberry.ID(str(row.id)),
            received_at=DateTime(row.received_at),
            times_received=row.times_received,
            applied_at=DateTime(row.applied_at) if row.applied_at else None,
            body=wire.scrub(bytes(row.body).decode("utf-8", "replace")),
        )
