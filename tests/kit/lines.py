"""A PSE of the laboratory whose report says what a test wants, line by line, and the night that reads it."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from domain.books import ledger
from domain.models import Finding, Payment, SettlementLine
from domain.models.ledger import Account
from domain.pse.kit.unclear import counted
from domain.pse.reporting import REPORT_SCHEMA, SETTLED, Balance, PaidOut, ReadReport, ReportFile
from domain.pse.vocabulary import Period
from domain.reconciliation import reconcile
from tests.kit.factories import Shop
from tests.kit.lab_connector import Lab

ZONE = ZoneInfo("America/Sao_Paulo")
_TEXTS = {"booked_at": pl.String(), "business_date": pl.String()}
_TEXTS |= {name: pl.String() for name, kind in REPORT_SCHEMA.items() if kind == SETTLED}


class Telling(Lab):
    """Its report is the JSON of canonical lines; `balances` and `payouts` are told beside them, by its name."""

    def __init__(self, **able: Any) -> None:
        super().__init__(**able)
        self.balances: dict[str, list[Balance]] = {}
        self.payouts: dict[str, list[PaidOut]] = {}

    def read_report(self, file: ReportFile, period: Period) -> ReadReport:
        lines = pl.DataFrame(json.loads(file.path.read_text()), schema={**REPORT_SCHEMA, **_TEXTS})
        at = pl.col("booked_at").str.to_datetime(time_unit="us", time_zone="UTC")
        made = lines.with_columns(at, pl.col("business_date").str.to_date())
        amounts = [pl.col(name).cast(SETTLED) for name, kind in REPORT_SCHEMA.items() if kind == SETTLED]
        beside = self.balances.get(file.name, ()), self.payouts.get(file.name, ())
        told = made.with_columns(amounts).lazy()
        unknown = counted(told, pl.col("type") == "OTHER") if (lines["type"] == "OTHER").any() else ()
        return ReadReport(told, None, None, unknown, *beside)


def a_line(payment: Payment, kind: str, amount: int, state: str = "SUCCEEDED", /, **more: Any) -> dict[str, Any]:
    """A line of that payment, of now. A refund that `more` does not name is told by its amount, under a made name."""
    at = datetime.now(UTC)
    nameless = kind == "REFUND" and not {"reference", "pse_refund_reference"} & set(more)
    named = {"reference": f"{state}-{at:%H%M%S%f}-{amount}"} if nameless else {}
    return {
        **dict.fromkeys(REPORT_SCHEMA),
        "type": kind,
        "state": state,
        "payment_reference": payment.pse_reference,
        "by_amount": nameless,
        "amount": amount,
        "currency": payment.currency,
        "by_bank": False,
        "kind": kind.lower(),
        "booked_at": at.isoformat(),
        **named,
        **more,
    }


def settled(net: str, currency: str = "BRL", **parts: str) -> dict[str, Any]:
    """What a line did to the balance, in major units; `parts`: fee, tax, withheld."""
    named = {f"settled_{name}": amount for name, amount in parts.items()}
    return {"settled_net": net, "settled_currency": currency, **named}


def of_nobody(kind: str, net: str, currency: str = "BRL", **more: Any) -> dict[str, Any]:
    """A line of no payment, of now: its amount is what it did to the balance."""
    units = abs(int(Decimal(net).scaleb(2)))
    at = datetime.now(UTC).isoformat()
    plain = {"type": kind, "state": "SUCCEEDED", "by_amount": False, "by_bank": False, "kind": kind.lower()}
    told = {"amount": units, "currency": currency, "booked_at": at, **settled(net, currency)}
    return {**dict.fromkeys(REPORT_SCHEMA), **plain, **told, **more}


def today(days: int = 0) -> date:
    """The business date so many days from today."""
    return datetime.now(UTC).astimezone(ZONE).date() + timedelta(days=days)


async def a_night(shop: Shop, *lines: dict[str, Any], days: int = 0, name: str | None = None) -> None:
    """Reconcile the date `days` from today with a report of these lines."""
    day = today(days)
    numbered = [{**line, "line": number, "business_date": str(day)} for number, line in enumerate(lines, start=1)]
    run = await reconcile.begin(shop.connection, day)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        path.write_text(json.dumps(numbered))
        file = ReportFile(name or f"lab-{day}.json", "application/json", path)
        await reconcile.reconcile(shop.connection, run, [file])


async def effects() -> list[str]:
    """What the valid lines did, in the order in which they were stored."""
    return [line.effect for line in await SettlementLine.filter(voided_at=None).order_by("id")]


async def balance(shop: Shop, account: Account) -> int:
    """The account's balance, in minor units."""
    return sum(row.balance for row in await ledger.balances(shop.id) if row.account is account)


async def open_findings() -> list[str]:
    """The kinds of the open findings, sorted."""
    return sorted(row.kind for row in await Finding.filter(resolved_at=None))
