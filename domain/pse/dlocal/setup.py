"""What dLocal says of a merchant: the methods that it has in each country, and what it may do.

dLocal's refusals name the key (3001), the address (3002) and the merchant (3003) apart.
"""

from typing import Final

from domain.pse.checking import Asking, CheckCode
from domain.pse.kit import exact
from domain.pse.kit.interview import NO_SUCH_PAYMENT, Interview

_WRONG_SIGNATURE: Final = "5000"


def setup(interview: Interview) -> Asking[None]:
    """`GET /payments-methods` of each currency's country, and a refund of no payment."""
    taken: set[str] = set()
    for currency in sorted(interview.account.currencies) or ["BRL"]:
        heard = yield from interview.get("payments-methods", country=interview.words.countries.get(currency, "BR"))
        if heard.code == _WRONG_SIGNATURE:  # of a form that is right, so it is the secret key
            heard = interview.refused(heard, "3001", heard.said)
        if not interview.entrance(heard):
            return
        if exact.objects(heard.body):
            taken.add(currency)
    interview.currencies(taken)
    yield from interview.refund_nothing("refunds", body={"payment_id": NO_SUCH_PAYMENT})
    interview.passed(CheckCode.MERCHANT_ACTIVE, "dLocal works on this merchant's requests.")
    if ours := interview.account.webhook_url:
        interview.passed(CheckCode.CALLBACK_REGISTERED, f"Each refund tells dLocal where to call: {ours}")
    else:
        interview.callback([])
