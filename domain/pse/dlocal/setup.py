"""What dLocal says of a merchant: the methods that it has in each country, and what it may do.

dLocal's refusals name the key (3001), the address (3002) and the merchant (3003) apart.
"""

from collections.abc import Mapping
from typing import Final

import httpx

from domain.pse.checking import Asking, CheckCode, PseAccount
from domain.pse.kit import exact, requests
from domain.pse.kit.interview import NO_SUCH_PAYMENT, Interview

_COUNTRIES: Final[Mapping[str, str]] = {
    "ARS": "AR", "BOB": "BO", "BRL": "BR", "CLP": "CL", "COP": "CO", "CRC": "CR", "DOP": "DO", "GTQ": "GT",
    "HNL": "HN", "MXN": "MX", "NIO": "NI", "PAB": "PA", "PEN": "PE", "PYG": "PY", "USD": "EC", "UYU": "UY",
}  # fmt: skip

_WRONG_SIGNATURE: Final = "5000"


def setup(account: PseAccount, interview: Interview) -> Asking[None]:
    """`GET /payments-methods` of each currency's country, and a refund of no payment."""
    taken: set[str] = set()
    for currency in sorted(account.currencies) or ["BRL"]:
        heard = yield from interview.ask(_methods(account, _COUNTRIES.get(currency, "BR")))
        if heard.code == _WRONG_SIGNATURE:  # of a form that is right, so it is the secret key
            heard = interview.refused(heard, "3001", heard.said)
        if not interview.entrance(heard):
            return
        if exact.objects(heard.body):
            taken.add(currency)
    interview.currencies(account, taken)
    refund = {"payment_id": NO_SUCH_PAYMENT}
    made = httpx.Request("POST", f"{account.base_url}/refunds", json=refund, headers=requests.NAMED)
    interview.may_refund((yield from interview.ask(made)))
    interview.passed(CheckCode.MERCHANT_ACTIVE, "dLocal works on this merchant's requests.")
    if account.webhook_url is None:
        interview.callback(account, [])
    else:
        interview.passed(
            CheckCode.CALLBACK_REGISTERED, f"Each refund tells dLocal where to call: {account.webhook_url}"
        )


def _methods(account: PseAccount, country: str) -> httpx.Request:
    url = requests.url(account.base_url, "payments-methods")
    return httpx.Request("GET", url, params={"country": country}, headers=requests.NAMED)
