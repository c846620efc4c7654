"""The configuration of an account's reports: made where there is none, completed where it lacks, left alone else."""

import json
from typing import Any

import httpx
import pytest

from domain.pse.mercadopago.configuration import NEEDED, Configured, configure
from tests.domain.pse.mercadopago.test_lines import DAY, PSE
from tests.domain.pse.mercadopago.test_reports import CONFIGURED, _entry
from tests.schemas import mercadopago as schemas

# As a Brazilian account has it before anybody has changed it.
DEFAULT = (
    "DATE", "SOURCE_ID", "DESCRIPTION", "NET_CREDIT_AMOUNT", "NET_DEBIT_AMOUNT", "GROSS_AMOUNT", "MP_FEE_AMOUNT",
    "TAXES_AMOUNT", "PAYMENT_METHOD", "TRANSACTION_APPROVAL_DATE", "BUSINESS_UNIT", "SUB_UNIT", "BALANCE_AMOUNT",
    "PAYMENT_METHOD_TYPE", "PURCHASE_ID",
)  # fmt: skip
FOUND: dict[str, Any] = {
    "columns": [{"key": name} for name in DEFAULT],
    "file_name_prefix": "loja",
    "scheduled": True,
    "frequency": {"hour": 6, "type": "weekly", "value": 2},
    "display_timezone": "GMT-03",
    "report_translation": "pt",
    "notification_email_list": ["contas@example.com"],
    "include_withdrawal_at_end": True,
}


def _run(*answers: httpx.Response) -> tuple[Configured, list[httpx.Request]]:
    steps, asked = configure(DAY), []
    try:
        wish = next(steps)
        for answer in answers:
            assert isinstance(wish, httpx.Request)
            asked.append(wish)
            wish = steps.send(answer)
    except StopIteration as done:
        return done.value, asked
    raise AssertionError(f"It still asks for {wish}.")


def _body(request: httpx.Request) -> dict[str, Any]:
    return dict(json.loads(request.content))


def test_a_configuration_that_has_all_is_read_and_left_alone() -> None:
    found, (asked,) = _run(httpx.Response(200, json=CONFIGURED))
    assert found == Configured(detailed=True, changed=False)
    assert (asked.method, str(asked.url)) == ("GET", "https://api.example.com/v1/account/release_report/config")


def test_an_account_without_a_configuration_gets_one() -> None:
    found, (_, asked) = _run(httpx.Response(404), httpx.Response(201, json=CONFIGURED))
    assert found == Configured(detailed=True, changed=True)
    body = _body(asked)
    schemas.check(schemas.REPORT_CONFIG, body)
    assert asked.method == "POST"
    assert [column["key"] for column in body["columns"]] == list(NEEDED)
    assert (body["refund_detailed"], body["include_withdrawal_at_end"]) == (True, False)
    assert {"file_name_prefix", "frequency", "execute_after_withdrawal"} <= set(body)


def test_a_configuration_that_lacks_columns_keeps_all_that_the_account_has() -> None:
    found, (_, asked) = _run(httpx.Response(200, json=FOUND), httpx.Response(200, json=CONFIGURED))
    assert found == Configured(detailed=True, changed=True)
    body = _body(asked)
    schemas.check(schemas.REPORT_CONFIG, body)
    assert asked.method == "PUT"
    keys = [column["key"] for column in body["columns"]]
    assert keys[: len(DEFAULT)] == list(DEFAULT)
    assert set(NEEDED) <= set(keys)
    assert len(keys) == len(set(keys))
    kept = ("file_name_prefix", "frequency", "display_timezone", "notification_email_list")
    assert [body[name] for name in kept] == [FOUND[name] for name in kept]
    assert (body["report_translation"], "scheduled" in body) == ("en", False)


@pytest.mark.parametrize("lacks", [{"refund_detailed": False}, {"include_withdrawal_at_end": True}])
def test_a_setting_that_hides_something_is_changed(lacks: dict[str, bool]) -> None:
    _, (_, asked) = _run(httpx.Response(200, json={**CONFIGURED, **lacks}), httpx.Response(200, json=CONFIGURED))
    assert _body(asked) == CONFIGURED


@pytest.mark.parametrize(
    "refusal",
    [
        httpx.Response(400, json={"message": "invalid columns"}),
        httpx.Response(404),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"columns": None}),
    ],
)
def test_a_refusal_leaves_everything_as_it_is(refusal: httpx.Response) -> None:
    assert _run(httpx.Response(200, json=FOUND), refusal)[0] == Configured(detailed=False, changed=False)
    assert _run(httpx.Response(404), refusal)[0] == Configured(detailed=False, changed=False)
    if refusal.status_code != 404:
        assert _run(refusal)[0] == Configured(detailed=False, changed=False)


def test_a_refused_configuration_does_not_keep_the_report_from_being_fetched() -> None:
    steps = PSE.reports(DAY)
    next(steps)
    listing = steps.send(httpx.Response(400))
    assert isinstance(listing, httpx.Request)
    with pytest.raises(StopIteration) as done:
        steps.send(httpx.Response(200, json=[_entry(5)]))
    (download,) = done.value.value
    assert (download.name, download.content_type) == ("release-2026-11-23.csv", "text/csv")


def test_a_report_of_before_the_configuration_is_made_again() -> None:
    steps = PSE.reports(DAY)
    next(steps)
    steps.send(httpx.Response(200, json=FOUND))
    steps.send(httpx.Response(200, json=CONFIGURED))
    creating = steps.send(httpx.Response(200, json=[_entry(5)]))
    assert isinstance(creating, httpx.Request)
    assert creating.method == "POST"


def test_who_is_sent_a_report_and_the_way_into_the_merchants_server_are_in_no_log() -> None:
    sftp = {"server": "sftp.example.com", "username": "loja", "password": "a-password-of-the-shop", "port": 22}
    said = PSE.scrub(json.dumps({**FOUND, "sftp_info": sftp}))
    assert "contas@example.com" not in said
    assert "a-password-of-the-shop" not in said
    assert "file_name_prefix" in said
