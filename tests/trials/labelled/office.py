"""What the merchant's people do: they say what was agreed, hand in the bank's statements and the tax documents."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from domain.access.permissions import Role
from domain.access.principal import Principal, role_reach
from domain.bank import accounts, imports
from domain.bank.accounts import NewAccount
from domain.cause import Cause
from domain.files import tickets
from domain.files.tickets import NewFile
from domain.models import Connection
from domain.models.files import Purpose
from domain.models.quotes import FeeKind, OriginalFee
from domain.models.taxes import TaxRegime
from domain.platform.database import for_all, for_merchant
from domain.platform.settings import Settings
from domain.settlements import rates, schedules
from domain.settlements.rates import NewRate
from domain.settlements.schedules import Terms
from domain.taxes import importing, places
from domain.taxes.places import NewPlace
from jobs import bank, taxes
from tests.kit.world import quick_settings

_CAUSE: Final = Cause("trial-of-the-office", "accountant")
_SOURCE: Final = "made up"
_RATE_DAYS: Final = timedelta(days=31)  # that one rate may be said to hold
_RATE_MONTHS: Final = 3


async def agree(folder: Path, connections: Mapping[str, UUID]) -> None:
    """Say where sales are taxed, what each PSE takes by its contract, and what currencies are worth."""
    told = json.loads((folder / "manifest.json").read_text())
    first = date.fromisoformat(min(night["day"] for night in told["nights"])) - timedelta(days=7)
    who = await _accountant(connections)
    with for_merchant(who.merchant_id):
        terms = []
        for contract in told["contracts"]:
            connection = connections[contract["pse"]]
            place = NewPlace(contract["taxed_in"], TaxRegime.LOCAL, connection_id=connection)
            await places.set_place(who, place, _CAUSE)
            terms += [_terms(connection, one, first) for one in contract["terms"]]
        if terms:
            await schedules.enter(who, "feeSchedulesImport", terms, str(uuid4()), _CAUSE)
        months = [first + _RATE_DAYS * turn for turn in range(_RATE_MONTHS)]
        new = [_rate(one, month) for one in told["rates"] for month in months]
        await rates.enter(who, "fxRatesImport", new, None, str(uuid4()), _CAUSE)


async def hand_in(folder: Path, connections: Mapping[str, UUID], kept: Path) -> None:
    """Hand in what banks and invoicing systems say, and let the night's work on both be done. `kept`: for the files."""
    told = json.loads((folder / "manifest.json").read_text())
    settings = quick_settings(files=str(kept))
    who = await _accountant(connections)
    with for_merchant(who.merchant_id):
        for one in told["statements"]:
            name = f"{one['pse']} {one['currency']}"
            new = NewAccount(name, one["currency"], [connections[one["pse"]]])
            account = await accounts.create(who, new, str(uuid4()), _CAUSE)
            file_id = await _uploaded(who, Purpose.BANK_STATEMENT, folder / one["path"], settings)
            await imports.hand_in(who, account.id, file_id, settings, _CAUSE)
        for path in told["documents"]:
            file_id = await _uploaded(who, Purpose.TAX_DOCUMENT, folder / path, settings)
            await importing.take_in(who, file_id, settings, _CAUSE)
    await bank.look_at_all()
    await taxes.night()


async def _accountant(connections: Mapping[str, UUID]) -> Principal:
    with for_all("whose connections these are"):
        merchant = (await Connection.get(id=next(iter(connections.values())))).merchant_id
    until = datetime.now(UTC) + timedelta(hours=12)
    return Principal(uuid4(), merchant, "accountant", role_reach(Role.ACCOUNTANT), until)


def _terms(connection: UUID, said: Mapping[str, Any], first: date) -> Terms:
    kind = FeeKind(said["kind"])
    return Terms(
        connection,
        kind,
        said["currency"],
        Decimal(said["percent"]),
        first,
        _SOURCE,
        fixed=said["fixed"],
        original_fee=OriginalFee.KEPT if kind is FeeKind.REFUND else None,
    )


def _rate(said: Mapping[str, str], month: date) -> NewRate:
    until = month + _RATE_DAYS - timedelta(days=1)
    return NewRate(said["base"], said["quote"], Decimal(said["rate"]), month, until, _SOURCE)


async def _uploaded(who: Principal, purpose: Purpose, path: Path, settings: Settings) -> UUID:
    content = await asyncio.to_thread(path.read_bytes)
    new = NewFile(purpose, path.name, len(content), hashlib.sha256(content).hexdigest())
    ticket = await tickets.announce(who, new, settings, _CAUSE)

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    await tickets.take_in(ticket.file, chunks(), settings)
    return ticket.file.id
