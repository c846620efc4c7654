"""A preflight or a certification as a row: asked for, taken by one worker at a time, ended once."""

from collections.abc import Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal, Whose, merchant_of
from domain.cause import WORKER, Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import CertificationRun, Connection, PreflightRun
from domain.platform import ids
from domain.platform.database import execute, for_all, rows, transaction
from domain.problems import NotFound

Run = TypeVar("Run", PreflightRun, CertificationRun)
TRIES_MAX: Final = 3  # a run whose worker died again and again ends by itself


def readable(model: type[Run], principal: Principal) -> QuerySet[Run]:
    """The runs that may be read, by who reads calls in all stores: an account is of no one store. Raises Forbidden."""
    principal.require_everywhere(Permission.READ_CALLS)
    return model.filter(merchant_id=principal.merchant_id)


async def managed(whose: Whose, connection_id: UUID) -> Connection:
    """The connection of somebody who may manage it. Raises Forbidden, NotFound (for another merchant's too)."""
    if isinstance(whose, Principal):
        whose.require_everywhere(Permission.MANAGE_CONNECTIONS)
    found = await Connection.get_or_none(id=connection_id, merchant_id=merchant_of(whose))
    if found is None:
        raise NotFound("There is no such connection.", path=["input", "connectionId"])
    return found


_ASKED: Final = {PreflightRun: "connectionPreflight", CertificationRun: "connectionCertify"}


async def begin(model: type[Run], connection: Connection, cause: Cause, **more: Any) -> Run:
    """Ask for a run, which is due at once; one that is under way already is given instead of a second one."""
    columns: dict[str, Any] = {
        "id": ids.time_ordered(),
        "merchant_id": connection.merchant_id,
        "connection_id": connection.id,
    }
    columns |= {"request_id": cause.request_id[:64], "asked_by": cause.actor[:200], **more}
    names, places = ", ".join(columns), ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    async with transaction():
        made = await rows(
            f"INSERT INTO {model._meta.db_table} ({names}, created_at, due_at) "  # noqa: S608 - names of our own columns
            f"VALUES ({places}, now(), now()) ON CONFLICT (connection_id) WHERE finished_at IS NULL DO NOTHING "
            "RETURNING id",
            *columns.values(),
        )
        if made and cause.actor != WORKER:
            subject = Of("connection", connection.id)
            await deeds.note(connection.merchant_id, _ASKED[model], subject, cause, {"run": [None, str(columns["id"])]})
    # The one that is live, or, if it has ended meanwhile, that one.
    newest = await model.filter(connection_id=connection.id).order_by("-created_at", "-id").first()
    assert newest is not None, "There is the one that was just written, or the one that kept it from being written."
    return newest


@for_all("whose a run is that was rung for")
async def take(model: type[Run], run_id: UUID, lease_seconds: float) -> Run | None:
    """Claim a run that is due, for so many seconds; None: it is not, or somebody else has it."""
    taken = await rows(
        f"UPDATE {model._meta.db_table} SET tries = tries + 1, due_at = now() + make_interval(secs => $2::float8) "  # noqa: S608
        "WHERE id = $1 AND due_at <= now() AND finished_at IS NULL RETURNING id",
        run_id,
        lease_seconds,
    )
    return await model.get(id=run_id) if taken else None


async def hold(model: type[Run], run_id: UUID, lease_seconds: float) -> None:
    """The run goes on: nobody else takes it for so many seconds more."""
    await execute(
        f"UPDATE {model._meta.db_table} SET due_at = now() + make_interval(secs => $2::float8) "  # noqa: S608
        "WHERE id = $1 AND finished_at IS NULL",
        run_id,
        lease_seconds,
    )


async def end(model: type[Run], run_id: UUID, outcome: str, error: str | None = None) -> bool:
    """End the run; whether it had not ended before."""
    done = await rows(
        f"UPDATE {model._meta.db_table} SET outcome = $2, error = $3, finished_at = now(), due_at = NULL "  # noqa: S608
        "WHERE id = $1 AND finished_at IS NULL RETURNING id",
        run_id,
        outcome,
        error,
    )
    return bool(done)


async def newest_of(model: type[Run], connection_ids: Sequence[UUID]) -> dict[UUID, Run]:
    """Each connection's newest run that has ended; of one that never had any, none."""
    found = await rows(
        f"SELECT newest.id FROM unnest($1::uuid[]) AS c(id) CROSS JOIN LATERAL (SELECT id FROM {model._meta.db_table} "  # noqa: S608
        "  WHERE connection_id = c.id AND finished_at IS NOT NULL ORDER BY created_at DESC, id DESC LIMIT 1) AS newest",
        list(connection_ids),
    )
    return {row.connection_id: row for row in await model.filter(id__in=[one["id"] for one in found])}
