"""A new connection: a draft of the fields that its PSE wants, its secrets sealed at once and shown to nobody again."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.access.tokens import Permission, Principal
from domain.cause import Cause
from domain.connections import connections, unheard
from domain.connections.connections import NewConnection
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Connection, Store
from domain.models.connections import ConnectionState
from domain.models.refunds import State
from domain.onboarding import steps
from domain.onboarding.locks import locked
from domain.payments import confirmations
from domain.platform import data_keys, idempotency
from domain.platform.database import transaction
from domain.platform.ids import time_ordered
from domain.problems import InvalidInput, InvalidState
from domain.pse.credentials import PLAIN, Field, fields
from domain.pse.registry import UnknownPse, connector
from domain.refunds import schedule

MUTATION: Final = "connectionCreate"
REPLACE: Final = "connectionSecretsReplace"
_NAME_MAX: Final = 64
_VALUE_MAX: Final = 8_000  # a certificate in PEM
_PLAIN_MAX: Final = {"client_id": 200}  # else an address: 500
_SAID_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class NewApplication:
    """What is known of the account. `values`: by the names of the PSE's fields."""

    pse: str
    name: str
    store_code: str
    values: Mapping[str, str] = field(repr=False)


async def create(principal: Principal, draft: NewApplication, key: str, cause: Cause, secret_key: bytes) -> Connection:
    """Store the draft. The same key and input again gives the same one.

    Raises Forbidden, InvalidInput with each field that is missing or unknown, IdempotencyConflict.
    """
    principal.require_everywhere(Permission.MANAGE_CONNECTIONS)
    _check(draft)
    store = await Store.get_or_none(merchant_id=principal.merchant_id, code=draft.store_code)
    if store is None:
        raise InvalidInput("There is no store of this code.", path=["input", "storeCode"])
    # What the key stands for tells no secret: only whether they are the same ones.
    values = await data_keys.digest(secret_key, json.dumps(dict(draft.values), sort_keys=True))
    facts = {"pse": draft.pse, "name": draft.name, "store": store.id, "values": values}
    connection_id = time_ordered()
    async with transaction():
        if stored := await idempotency.claim(principal.merchant_id, MUTATION, key, facts, connection_id, cause):
            return await Connection.get(id=stored)
        if await Connection.exists(merchant_id=principal.merchant_id, name=draft.name.strip()):
            raise InvalidInput("Another connection has this name.", path=["input", "name"])
        new = _new(draft, store.id)
        made = await connections.create(
            principal.merchant_id, new, secret_key, state=ConnectionState.DRAFT, connection_id=connection_id
        )
        await steps.note(made, principal.holder, "Applied for.", cause)
        told: dict[str, Any] = {"pse": new.pse, "name": new.name, "base_url": new.base_url, "account": new.client_id}
        told |= {"secrets": sorted(new.secrets)}  # their names
        await deeds.note(made.merchant_id, MUTATION, Of("connection", made.id), cause, deeds.changed({}, told))
        return made


async def replace(
    principal: Principal,
    connection_id: UUID,
    values: Mapping[str, str],
    old_valid_until: datetime | None,
    cause: Cause,
    key: bytes,
) -> Connection:
    """Give a connection all of its sealed fields anew: they count at once for what is sent, and a step says who did it.

    Until it has gone live, its account and addresses can be given too: those of the PSE's test environment become the
    live ones, which another person lets go live. While it is reviewed nothing of it changes. Webhooks are believed with
    the old ones until `old_valid_until` (UTC; None: no longer). What waited because the PSE had refused the old ones
    goes out, or is asked about; what was confirmed of its payments is asked anew. Raises Forbidden, NotFound,
    InvalidInput, InvalidState, Unsealable, KeyServiceAway.
    """
    principal.require_everywhere(Permission.MANAGE_CONNECTIONS)
    async with transaction():
        connection = await locked(principal, connection_id)
        _check_replaceable(connection, values)
        new = {name: value.strip() for name, value in values.items() if value.strip()}
        placed = {name: value for name, value in new.items() if name in PLAIN}
        sealed = {name: value for name, value in new.items() if name not in PLAIN}
        moved = any(getattr(connection, name) != value for name, value in placed.items())
        await connections.place(connection, placed)
        await connections.replace_secrets(connection, sealed, old_valid_until, key)
        await confirmations.forget(connection.id, listed=moved)
        said = "".join(f" {name}: {value}." for name, value in sorted(placed.items()))
        await steps.note(connection, principal.holder, f"Keys replaced.{said}"[:_SAID_MAX], cause)
        told = {name: [None, value] for name, value in placed.items()}
        what = {**told, "secrets": [None, sorted(sealed)]}  # their names
        await deeds.note(connection.merchant_id, REPLACE, Of("connection", connection.id), cause, what)
        await schedule.wake(connection.id, State.REQUESTED, State.SUBMITTED, State.PENDING)
        await unheard.try_again(connection.id)
    return connection


def _check_replaceable(connection: Connection, values: Mapping[str, str]) -> None:
    wanted = fields(connection.pse)
    if connection.state in (ConnectionState.SUBMITTED, ConnectionState.UNDER_REVIEW, ConnectionState.REJECTED):
        raise InvalidState(
            f"The connection is {connection.state}: make it a draft again first; what is reviewed stays as it is.",
            path=["input", "connectionId"],
            current_state=connection.state,
        )
    if connection.state in (ConnectionState.ACTIVE, ConnectionState.SUSPENDED):
        if moved := sorted(values.keys() & PLAIN):
            raise InvalidInput(
                f"{', '.join(moved)}: an account that has gone live stays; apply for another one.",
                path=["input", "fields"],
            )
        wanted = [one for one in wanted if one.name not in PLAIN]
    _check_values([dataclasses.replace(one, optional=one.optional or one.name in PLAIN) for one in wanted], values)


def _new(draft: NewApplication, store_id: UUID) -> NewConnection:
    values = {name: value.strip() for name, value in draft.values.items() if value.strip()}
    return NewConnection(
        pse=draft.pse,
        name=draft.name.strip(),
        base_url=values["base_url"],
        client_id=values["client_id"],
        secrets={name: value for name, value in values.items() if name not in PLAIN},
        default_store_id=store_id,
        token_url=values.get("token_url"),
        report_url=values.get("report_url"),
    )


def _check(draft: NewApplication) -> None:
    try:
        connector(draft.pse)
    except UnknownPse as error:
        raise InvalidInput(str(error), path=["input", "pse"]) from None
    name = draft.name.strip()
    if not (0 < len(name) <= _NAME_MAX and name.isprintable()):
        raise InvalidInput(f"name takes 1 to {_NAME_MAX} printable characters.", path=["input", "name"])
    _check_values(fields(draft.pse), draft.values)


def _check_values(wanted: Sequence[Field], values: Mapping[str, str]) -> None:
    """All that is wrong is said at once: who types keys from a back office does not want to come back ten times."""
    known = {one.name for one in wanted}
    given = {name for name, value in values.items() if value.strip()}
    lacking = [f"{one.name} ({one.label}; {one.where})" for one in wanted if not one.optional and one.name not in given]
    unknown = sorted(values.keys() - known)
    long = sorted(name for name, value in values.items() if len(value.strip()) > _longest(name))
    broken = sorted(one.name for one in wanted if one.pem and one.name in given and not _is_pem(values[one.name]))
    said = [f"Missing: {'; '.join(lacking)}."] if lacking else []
    said += [f"Not of this PSE: {', '.join(one[:40] for one in unknown)}."] if unknown else []
    said += [f"Longer than {_longest(name)} characters: {name}." for name in long if name in known]
    said += [f"Not in PEM (-----BEGIN ... to -----END ...): {', '.join(broken)}."] if broken else []
    if said:
        raise InvalidInput(" ".join(said), path=["input", "fields"])


def _longest(name: str) -> int:
    return _PLAIN_MAX.get(name, 500) if name in PLAIN else _VALUE_MAX


def _is_pem(text: str) -> bool:
    return text.strip().startswith("-----BEGIN ") and text.strip().endswith("-----")
