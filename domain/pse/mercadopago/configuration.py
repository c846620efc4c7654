"""How an account's release report is configured at Mercado Pago, and made to have what we need.

The configuration is the account's, and people read the same report: columns are added and none is taken away, and
when it is sent, when it is generated and by whom it is received stay as they are.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from domain.pse.kit import requests
from domain.pse.reporting import CAN_DO_WITHOUT, Steps
from domain.pse.vocabulary import Period

NEEDED: Final = (
    "DATE", "SOURCE_ID", "EXTERNAL_REFERENCE", "RECORD_TYPE", "DESCRIPTION", "NET_CREDIT_AMOUNT", "NET_DEBIT_AMOUNT",
    "GROSS_AMOUNT", "MP_FEE_AMOUNT", "FINANCING_FEE_AMOUNT", "SHIPPING_FEE_AMOUNT", "TAXES_AMOUNT", "COUPON_AMOUNT",
    "TRANSACTION_APPROVAL_DATE", "CURRENCY", "TAXES_DISAGGREGATED", "BALANCE_AMOUNT",
)  # fmt: skip
# "At end", withdrawals are listed once more behind the total, in other columns: that is no table any more.
_SETTINGS: Final = {"refund_detailed": True, "include_withdrawal_at_end": False}
# `frequency` is asked for even where no report is scheduled, as these are not.
_NEW: Final = {
    "file_name_prefix": "release-report",
    "separator": ";",
    "execute_after_withdrawal": False,
    "check_available_balance": True,
    "compensate_detail": True,
    "frequency": {"hour": 0, "type": "monthly", "value": 1},
}
Configuration = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Configured:
    """What the reports made from now on are like.

    `detailed`: a refund's row has the refund's own reference. `changed`: those made before were of another kind.
    """

    detailed: bool = False
    changed: bool = False


def configure(period: Period) -> Steps[Configured]:
    """Create or change the account's configuration if it lacks what we need. What is refused stays as it is."""
    url = f"{period.report_url or period.base_url}/v1/account/release_report/config"
    answer = yield _wish("GET", url)
    found = read(answer)
    if found is None and answer.status_code != 404:
        return Configured()
    if found is not None and not lack(found):
        return Configured(detailed=True)
    method, old = ("POST", {}) if found is None else ("PUT", found)
    answer = yield _wish(method, url, _completed(old or _NEW))
    made = read(answer) or old
    return Configured(made.get("refund_detailed") is True, changed=lack(made) != lack(old))


def _wish(method: str, url: str, configuration: Configuration | None = None) -> httpx.Request:
    return httpx.Request(method, url, json=configuration, headers=requests.JSON, extensions={CAN_DO_WITHOUT: True})


def read(answer: httpx.Response) -> Configuration | None:
    """The configuration as it is answered; None where there is none, or it is refused."""
    try:
        told = json.loads(answer.content)
    except (ValueError, RecursionError):
        return None
    if answer.status_code not in (200, 201) or not isinstance(told, dict) or not isinstance(told.get("columns"), list):
        return None
    return told


def _completed(found: Configuration) -> Configuration:
    """The configuration with what it lacks."""
    missing = [{"key": name} for name in NEEDED if name not in _keys(found)]
    kept = {name: value for name, value in found.items() if name != "scheduled"}  # it is told and cannot be set
    translated = {"report_translation": "en"} if _is_translated(found) else {}
    return {**kept, **_SETTINGS, **translated, "columns": [*found.get("columns", []), *missing]}


def lack(found: Configuration) -> list[str]:
    """What a configuration lacks, by name."""
    settings = [name for name, wanted in _SETTINGS.items() if found.get(name) is not wanted]
    translated = ["report_translation"] if _is_translated(found) else []
    return [*settings, *translated, *(name for name in NEEDED if name not in _keys(found))]


def _is_translated(found: Configuration) -> bool:
    """Whether the headings are in another language than the documents'."""
    return found.get("report_translation") not in (None, "en")


def _keys(found: Configuration) -> set[str]:
    columns = found.get("columns")
    if not isinstance(columns, list):
        return set()
    return {column["key"] for column in columns if isinstance(column, dict) and isinstance(column.get("key"), str)}
