"""What EBANX says of a merchant: `ws/merchantIntegrationProperties/get`, where it tells of a payment's news."""

import httpx

from domain.pse.checking import Asking
from domain.pse.ebanx import objects
from domain.pse.kit import exact
from domain.pse.kit.interview import Heard, Interview
from domain.pse.kit.requests import NAMED


def setup(interview: Interview) -> Asking[None]:
    """The properties of the integration. EBANX's errors are answered with 200."""
    url = f"{interview.account.base_url}/ws/merchantIntegrationProperties/get"
    headers = {**NAMED, "Content-Type": "application/x-www-form-urlencoded"}
    heard = yield from interview.ask(httpx.Request("POST", url, headers=headers))
    if heard.ok and exact.text(heard.body, "status") != "SUCCESS":
        error = objects.error_of(httpx.Response(200, json=heard.body))
        heard = interview.refused(heard, error.code, error.said)
    if not interview.entrance(heard):
        return
    interview.webhooks(heard, _listening, "the integration's properties")


def _listening(heard: Heard) -> list[str]:
    told = exact.text(heard.inner("body"), "url_status_change_notification", 500)
    return [told] if told else []
