"""Whatever a server answers to a preflight, it ends with a check each and raises nothing."""

import json
from itertools import product

import httpx
import pytest

from domain.pse import registry
from domain.pse.checking import Answered, CheckCode, PseAccount
from domain.pse.vocabulary import InDoubt, Unsent

ACCOUNT = PseAccount("https://pse.example/v1", "1", frozenset({"BRL", "MXN"}), "https://estorno.example/webhooks/1")
_NAMES = (
    "roles", "allowedIpAddresses", "active", "username", "status", "data", "currencies", "currently_due",
    "requirements", "country", "enabled_events", "supported_payment_currencies", "subscribed_events", "url",
    "columns", "scope", "error", "webhooks", "pix", "body", "site_id", "endpoints",
)  # fmt: skip
_VALUES = ("5", "null", "true", '"x"', "[5]", "[null]", '[{"a": 5}]', "{}", '{"a": [5]}')
_BODIES = [
    *("", "null", "5", '"x"', "[]", "[5]", "{}", "<html>", '{"data": [' + "[" * 2_000),
    *("{" + ", ".join(f'"{name}": {value}' for name in _NAMES) + "}" for value in _VALUES),
    # One level deeper: within each object of a list, and within `status` and `body`.
    *(
        json.dumps(
            {
                "status": {"site_status": json.loads(value)},
                "body": {"url_status_change_notification": json.loads(value)},
                "requirements": {"currently_due": json.loads(value)},
                "data": [dict.fromkeys(_NAMES, json.loads(value))],
                "webhooks": [{"webhookUrl": json.loads(value)}],
                "columns": [{"key": json.loads(value)}],
            }
        )
        for value in _VALUES
    ),
]
_ANSWERS: list[Answered] = [
    Unsent("RESTING", "Never sent."),
    Unsent("TOKEN_REFUSED", "No token."),
    InDoubt("TIMEOUT", "No answer."),
    *(
        httpx.Response(status, content=body.encode(), headers={"date": "yesterday"})
        for status, body in product((200, 204, 301, 400, 401, 403, 404, 429, 500), _BODIES)
    ),
]


@pytest.mark.parametrize("pse", registry.connectors())
def test_every_answer_ends_in_a_check_each(pse: str) -> None:
    wire = registry.connector(pse)
    for later in _ANSWERS:
        for first in (later, httpx.Response(200, json={"status": "SUCCESS", "active": True})):
            asking = wire.setup(ACCOUNT)
            try:
                next(asking)
                asking.send(first)
                for _ in range(50):
                    asking.send(later)
            except StopIteration as done:
                codes = [check.code for check in done.value]
                assert codes == [one for one in CheckCode if one not in (CheckCode.CLOCK, CheckCode.CERTIFICATE)]
            else:
                raise AssertionError("The questions have no end.")
