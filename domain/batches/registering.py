"""What would become of each row of a sheet of payments, as things stand; and the payment that a row says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.batches import columns, known, verdicts
from domain.batches.columns import SheetKind
from domain.batches.lines import Line, Read, moment_of
from domain.batches.verdicts import Judged, RowVerdict, refused
from domain.connections.connections import TAKING
from domain.models import Connection, Merchant, Store
from domain.payments import register
from domain.payments.register import NewPayment, Tax
from domain.problems import InvalidInput, NotFound, Problem
from domain.pse.registry import UnknownMethod, capability
from domain.pse.vocabulary import Method

_MIDDAY = time(12)


@dataclass(frozen=True, slots=True)
class NamedPlaces:
    """Where a merchant's payments come from: connections and stores by the names that a sheet may call them."""

    connections: Mapping[str, Connection]
    stores: Mapping[str, Store]
    reach: frozenset[UUID] | None
    zone: ZoneInfo

    @classmethod
    async def of(cls, principal: Principal) -> "NamedPlaces":
        """Raises Forbidden."""
        scope = principal.scope(Permission.REGISTER_PAYMENT)
        merchant = await Merchant.get(id=principal.merchant_id)
        connections: dict[str, Connection] = {}
        by_pse: dict[str, list[Connection]] = {}
        for one in await Connection.filter(merchant_id=principal.merchant_id):
            connections |= {columns.plain(one.name): one, columns.plain(str(one.id)): one}
            if one.state in TAKING:
                by_pse.setdefault(columns.plain(one.pse), []).append(one)
        for pse, several in by_pse.items():
            if len(several) == 1:  # else its name does not say which
                connections.setdefault(pse, several[0])
        stores = await Store.filter(merchant_id=principal.merchant_id)
        by_name = {columns.plain(name): one for one in stores for name in (one.name, one.code)}
        return cls(connections, by_name, scope.stores, ZoneInfo(merchant.zone))


def new_of(line: Line, places: NamedPlaces) -> NewPayment:
    """The payment that a row says. Raises InvalidInput, NotFound."""
    connection = places.connections.get(columns.plain(line.get("connection")))
    if connection is None:
        raise NotFound(f"You have no connection {line.get('connection')[:60]!r} (or several at that PSE): name one.")
    if connection.state not in TAKING:
        raise InvalidInput(f"The connection {connection.name} is {connection.state}: it takes no payments.")
    store = _store(line, connection, places)
    method = _method(line)
    try:
        capability(connection.pse, method)
    except UnknownMethod as error:
        raise InvalidInput(str(error)) from error
    if line.amount is None:
        raise InvalidInput("A payment's amount is written out.")
    found = NewPayment(
        connection_id=connection.id,
        store_code=store.code,
        pse_reference=line.get("payment"),
        method=method,
        amount=line.amount,
        captured_at=_captured_at(line, places.zone),
        order_reference=line.get("order") or None,
        customer_reference=line.get("customer") or None,
        customer_tax_id=line.get("tax_id") or None,
        tax=Tax(line.tax.minor_units, document=line.get("document") or None) if line.tax else None,
    )
    register.check(found)
    return found


def _store(line: Line, connection: Connection, places: NamedPlaces) -> Store:
    told = line.get("store")
    if told:
        found = places.stores.get(columns.plain(told))
    else:
        found = next((one for one in places.stores.values() if one.id == connection.default_store_id), None)
    if found is None or (places.reach is not None and found.id not in places.reach):
        raise NotFound(
            f"You have no store {told[:60]!r}: name one by its code." if told else "Say which store it is of."
        )
    return found


def _method(line: Line) -> Method:
    wanted = columns.plain(line.get("method"))
    found = next((one for one in Method if columns.plain(one.value) == wanted), None)
    if found is None:
        raise InvalidInput(f"{line.get('method')[:40]!r} is no method: there are {', '.join(Method)}.")
    return found


def _captured_at(line: Line, zone: ZoneInfo) -> Any:
    told = line.get("captured_at")
    moment = moment_of(told)
    if moment is None:
        raise InvalidInput(f"{told[:40]!r} is no day that we read: write 2026-11-03, or 2026-11-03 14:05.")
    is_day = moment.time() == time() and ":" not in told.replace("00:00:00", "")
    return (moment.replace(hour=_MIDDAY.hour) if is_day else moment).replace(tzinfo=zone)


async def of_payments(principal: Principal, read: Read) -> list[Judged]:
    """The verdicts, in the sheet's order. Raises Forbidden."""
    places = await NamedPlaces.of(principal)
    keys = [verdicts.key_of(SheetKind.PAYMENTS, read.digest, one) for one in read.lines]
    earlier = await known.earlier(principal.merchant_id, keys)
    told: dict[int, NewPayment | Judged] = {}
    for line, key in zip(read.lines, keys, strict=True):
        told[line.row] = _told(line, key, places)
    new = [(row, one.connection_id, one.pse_reference) for row, one in told.items() if isinstance(one, NewPayment)]
    there = await known.registered(new)
    stores = {one.code: one.id for one in places.stores.values()}
    seen: set[tuple[UUID, str]] = set()
    found = []
    for line, key in zip(read.lines, keys, strict=True):
        one = told[line.row]
        if isinstance(one, NewPayment):
            place = (one.connection_id, one.pse_reference)
            if place in seen:
                one = refused(line, key, "DUPLICATE_ROW", "Another row of this sheet registers this payment.")
            else:
                seen.add(place)
                one = _against(line, key, one, there.get(line.row), stores[one.store_code], key in earlier)
        found.append(one)
    return found


def _told(line: Line, key: str, places: NamedPlaces) -> NewPayment | Judged:
    if line.refusal is not None:
        return refused(line, key, line.refusal.code, line.refusal.said)
    try:
        return new_of(line, places)
    except Problem as problem:
        told = verdicts.problem_of(problem)
        return refused(line, key, told.code, told.said)


def _against(
    line: Line, key: str, new: NewPayment, there: Mapping[str, Any] | None, store_id: UUID, is_earlier: bool
) -> Judged:
    """Beside the payment that is there already, if any."""

    def of(verdict: RowVerdict, said: str) -> Judged:
        return Judged(line.row, key, verdicts.named(line), verdict, said, None, None, new.amount, None, store_id)

    if is_earlier:
        return of(RowVerdict.DONE, "This very row has registered it before.")
    if there is None:
        return of(RowVerdict.GOES, "It is registered.")
    same = (there["captured"], there["currency"], there["method"], there["store_id"]) == (
        new.amount.minor_units,
        new.amount.currency,
        new.method.value,
        store_id,
    )
    if not same:
        return refused(line, key, "KNOWN_OTHERWISE", "It is registered with another amount, method or store.")
    if there["source"] == "LISTING":
        return of(RowVerdict.GOES, "The PSE has listed it: order, customer and VAT are added.")
    return of(RowVerdict.DONE, "It is registered already.")
