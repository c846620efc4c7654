"""Accounting's morning: what the night found is worked off, the day's VAT is documented, the trial balance exported.

Everything goes through the public API, as `estorno findings`, `estorno taxes` and `estorno books` go.
"""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from domain.access.tokens import Role
from jobs.demo.client import BALANCES, Client
from jobs.demo.course import Day

_ERRORS: Final = "errors { ... on Error { code message } }"
_OPEN: Final = "query Open { findings(first: 100) { edges { node { id kind amount { display } } } } }"
_RESOLVE: Final = f"""mutation Resolve($input: FindingResolveInput!) {{ findingResolve(input: $input) {{
  confirmed finding {{ state }} {_ERRORS} }} }}"""
_CONFIRM: Final = f"""mutation Confirm($input: FindingResolveConfirmInput!) {{ findingResolveConfirm(input: $input) {{
  finding {{ state }} {_ERRORS} }} }}"""
_REVERSALS: Final = """query Reversals { vatReversals(first: 100) { edges { node { id state reason amount { display }
  } } } }"""
_REVIEW: Final = f"""mutation Review($input: VatReversalReviewInput!) {{ vatReversalReview(input: $input) {{
  reversal {{ state }} {_ERRORS} }} }}"""
_DOCUMENT: Final = f"""mutation Document($input: VatReversalDocumentInput!) {{ vatReversalDocument(input: $input) {{
  reversal {{ state }} {_ERRORS} }} }}"""
# What a person finds out about each kind of the day, and how.
_SAID: Final = {
    "BANK_INITIATED": ("CHARGEBACK", "A MED for fraud: the bank's letter of this morning says so."),
    "PREFLIGHT_FAILED": ("EXPLAINED", "This machine has no address that a PSE could reach."),
    "RETURNED": ("EXPLAINED", "The shop has paid the customer at the counter; the receipt is in the file."),
}
_COLUMNS: Final = ("pse", "connectionName", "account", "opening", "debits", "credits", "closing")


async def play(day: Day) -> None:
    """Resolve, document, export; what does not come out is a broken promise."""
    today = datetime.now(ZoneInfo("America/Sao_Paulo")).date()  # the merchant's, whose evening is the next day in UTC
    await _document(day, today.isoformat())
    resolved = await _resolve(day)
    left = await _open(day)
    day.expect(
        resolved >= 2 and not left, f"the findings are worked off ({resolved} by a person); open: {left or 'none'}"
    )
    rows = await _trial_balance(day)
    suspense = [row for row in rows if row["account"] == "SUSPENSE" and row["closing"]["minorUnits"] != "0"]
    day.expect(not suspense, "SUSPENSE is cleared by what was said of it")
    pending = [row for row in rows if row["account"] == "VAT_REVERSAL_PENDING" and row["closing"]["minorUnits"] != "0"]
    day.expect(not pending, "no VAT of the day waits for its document")
    place = day.settings.home / f"trial-balance-{today:%Y-%m}.csv"
    _export(place, rows)
    day.expect(place.stat().st_size > 0, f"the month's trial balance is in {place.name}")


async def _document(day: Day, today: str) -> None:
    """Each refund with VAT gets its return note; where the rules ask why, a person says that the goods came back."""
    client, done = day.client(Role.ACCOUNTING), 0
    for node in _nodes((await client.ask(_REVERSALS))["vatReversals"]):
        if node["state"] == "NEEDS_REVIEW":
            why = {"cause": "RETURN_OF_GOODS", "eventOn": today, "note": "The parcel is back in the warehouse."}
            said = {"reversalId": node["id"], "accept": True, **why}
            told = _given(day, (await client.ask(_REVIEW, input=said))["vatReversalReview"], "reversal")
            node["state"] = told["state"] if told else None
        if node["state"] == "NEEDED":
            done += await _with_note(day, client, node, today, done + 1)
    day.expect(done > 0, f"the VAT of {done} refunds is taken back by return notes")


async def _with_note(day: Day, client: Client, node: dict[str, Any], today: str, number: int) -> int:
    wanted = {"reversalId": node["id"], "number": f"NF-e devolução {number}", "issuedOn": today}
    told = _given(day, (await client.ask(_DOCUMENT, input=wanted))["vatReversalDocument"], "reversal")
    return int(told is not None and told["state"] == "DOCUMENTED")


async def _resolve(day: Day) -> int:
    client, done = day.client(Role.ACCOUNTING), 0
    for node in _nodes((await client.ask(_OPEN))["findings"]):
        if node["kind"] in _SAID:
            reason, note = _SAID[node["kind"]]
            said = {
                "findingId": node["id"],
                "resolution": {"reason": reason, "note": note},
                "idempotencyKey": str(uuid4()),
            }
            told = (await client.ask(_RESOLVE, input=said))["findingResolve"]
            if _given(day, told, "finding") and not told["confirmed"]:
                asked = {"findingId": node["id"]}
                told = (await day.client(Role.ADMIN).ask(_CONFIRM, input=asked))["findingResolveConfirm"]
            done += int(bool(told["finding"]) and told["finding"]["state"] == "RESOLVED")
    return done


async def _open(day: Day) -> str:
    found = _nodes((await day.client(Role.ACCOUNTING).ask(_OPEN))["findings"])
    return ", ".join(sorted({node["kind"] for node in found}))


async def _trial_balance(day: Day) -> Sequence[dict[str, Any]]:
    last = datetime.now(UTC).date() + timedelta(days=1)
    asked = {"from": (last - timedelta(days=2)).replace(day=1).isoformat(), "to": last.isoformat()}
    rows: Sequence[dict[str, Any]] = (await day.client(Role.ACCOUNTING).ask(BALANCES, **asked))["trialBalance"]["rows"]
    return rows


def _export(place: Path, rows: Sequence[dict[str, Any]]) -> None:
    with place.open("w", newline="") as file:
        into = csv.writer(file)
        into.writerow(_COLUMNS)
        into.writerows(
            [one["display"] if isinstance(one, dict) else one for one in map(row.get, _COLUMNS)] for row in rows
        )


def _given(day: Day, payload: dict[str, Any], name: str) -> dict[str, Any] | None:
    """What a mutation gave; its error is a broken promise."""
    for error in payload["errors"]:
        day.expect(False, f"{error['code']}: {error['message']}")
    given: dict[str, Any] | None = payload[name]
    return given


def _nodes(connection: dict[str, Any]) -> list[dict[str, Any]]:
    return [edge["node"] for edge in connection["edges"]]
