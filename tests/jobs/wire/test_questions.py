"""The preflight of each PSE, against a server that answers as that PSE does."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from domain.connections.calls import About
from domain.models import Call
from domain.pse import registry
from domain.pse.checking import CheckCode, Checked, CheckOutcome, PseAccount
from jobs.wire.ask import AskResult, ask
from jobs.wire.sender import sender
from tests.conftest import Database
from tests.kit.accounts import ACCOUNTS
from tests.kit.world import a_shop_at, quick_settings
from tests.sandbox.client import SandboxClient

C, PASSED, FAILED = CheckCode, CheckOutcome.PASSED, CheckOutcome.FAILED
UNKNOWN, NOT_ASKABLE = CheckOutcome.UNKNOWN, CheckOutcome.NOT_ASKABLE
OURS = "https://refunds.loja.example/webhooks/1"
PSES = sorted(registry.connectors())
NOT_ASKABLE_OF: Mapping[str, set[CheckCode]] = {
    "adyen": {C.REPORT_COLUMNS},
    "dlocal": {C.REPORT_COLUMNS},
    "ebanx": {C.MERCHANT_ACTIVE, C.MAY_REFUND, C.CURRENCIES, C.REPORT_COLUMNS},
    "mercadopago": {C.CALLBACK_REGISTERED},
    "pix": {C.MERCHANT_ACTIVE},
}


async def _preflight(sandbox: SandboxClient, pse: str, **states: Any) -> AskResult[Sequence[Checked]]:
    at = sandbox.at(pse)
    await at.post("webhooks", key="sp@loja", url=f"{OURS}{ACCOUNTS[pse].hook}")
    await at.post("account", **states)
    shop, settings = await a_shop_at(at), quick_settings()
    connection = shop.connection
    account = PseAccount(
        connection.base_url,
        connection.client_id,
        frozenset({ACCOUNTS[pse].currency}),
        OURS,
        connection.token_url,
        connection.report_url,
    )
    about = About(shop.id, connection.id, "preflight-of-the-test", "PREFLIGHT")
    async with sender(settings.secret_key, settings.send_limit_seconds) as sending:
        return await ask(registry.connector(pse).setup(account), connection, about, sending)


def _outcomes(asked: AskResult[Sequence[Checked]]) -> dict[CheckCode, CheckOutcome]:
    return {check.code: check.outcome for check in asked.result}


@pytest.fixture
async def configured(sandbox: SandboxClient) -> SandboxClient:
    """Mercado Pago's report has what we need, as after a first night."""
    from domain.pse.mercadopago.configuration import NEEDED

    config = {"columns": [{"key": name} for name in NEEDED], "refund_detailed": True, "separator": ";"}
    config |= {"include_withdrawal_at_end": False, "frequency": {"hour": 0, "type": "monthly", "value": 1}}
    url = f"{sandbox.url}/mercadopago/v1/account/release_report/config"
    token = ACCOUNTS["mercadopago"].secrets["access_token"]
    (await sandbox.http.put(url, json=config, headers={"Authorization": f"Bearer {token}"})).raise_for_status()
    return sandbox


@pytest.mark.parametrize("pse", PSES)
async def test_an_account_in_order_passes_all_that_its_pse_can_be_asked(
    books: Database, configured: SandboxClient, pse: str
) -> None:
    asked = await _preflight(configured, pse)
    wanted = {code: NOT_ASKABLE if code in NOT_ASKABLE_OF.get(pse, ()) else PASSED for code in C}
    del wanted[C.CLOCK], wanted[C.CERTIFICATE]
    assert _outcomes(asked) == wanted, [(one.code, one.saw) for one in asked.result if one.outcome is not PASSED]
    assert all(check.saw and (check.what_to_do or check.outcome is PASSED) for check in asked.result)
    assert asked.clocks
    assert max(abs(off) for off in asked.clocks) == 0
    assert (await configured.at(pse).get("log"))["movements"] == []


@pytest.mark.parametrize("pse", PSES)
async def test_a_key_that_is_refused_is_named_and_nothing_is_guessed(
    books: Database, sandbox: SandboxClient, pse: str
) -> None:
    asked = await _preflight(sandbox, pse, key="refused")
    found = _outcomes(asked)
    assert found.pop(C.CREDENTIALS) is FAILED
    assert set(found.values()) <= {UNKNOWN, NOT_ASKABLE}
    assert await Call.all().count() <= 3


@pytest.mark.parametrize("pse", [one for one in PSES if one != "ebanx"])
async def test_a_key_that_may_not_refund_is_found_although_it_may_read(
    books: Database, configured: SandboxClient, pse: str
) -> None:
    asked = await _preflight(configured, pse, key="no_refunds")
    assert [code for code, outcome in _outcomes(asked).items() if outcome is FAILED] == [C.MAY_REFUND]


@pytest.mark.parametrize("pse", ["adyen", "conekta", "dlocal", "mercadopago", "stripe"])
async def test_a_merchant_that_the_pse_has_not_let_through_is_found(
    books: Database, sandbox: SandboxClient, pse: str
) -> None:
    assert _outcomes(await _preflight(sandbox, pse, active=False))[C.MERCHANT_ACTIVE] is FAILED


@pytest.mark.parametrize("pse", ["adyen", "conekta", "ebanx", "pix", "stripe"])
async def test_a_callback_that_is_not_registered_is_found(books: Database, sandbox: SandboxClient, pse: str) -> None:
    assert _outcomes(await _preflight(sandbox, pse, callback=False))[C.CALLBACK_REGISTERED] is FAILED


@pytest.mark.parametrize("pse", PSES)
async def test_an_address_that_is_refused_is_told_apart_only_where_the_pse_does(
    books: Database, sandbox: SandboxClient, pse: str
) -> None:
    found = _outcomes(await _preflight(sandbox, pse, address=False))
    told_apart = pse in ("dlocal", "stripe")
    assert found[C.EGRESS_ADDRESS if told_apart else C.CREDENTIALS] is FAILED
    assert PASSED not in found.values()


@pytest.mark.parametrize("pse", ["adyen", "stripe"])
async def test_what_a_key_may_not_read_is_unknown_and_no_failure(
    books: Database, sandbox: SandboxClient, pse: str
) -> None:
    found = _outcomes(await _preflight(sandbox, pse, key="no_reading"))
    assert found[C.CREDENTIALS] is found[C.MAY_REFUND] is PASSED
    assert found[C.MERCHANT_ACTIVE] is found[C.CALLBACK_REGISTERED] is UNKNOWN


async def test_a_report_that_lacks_columns_is_found_and_not_changed(books: Database, sandbox: SandboxClient) -> None:
    for _ in range(2):
        asked = await _preflight(sandbox, "mercadopago")
        (columns,) = (check for check in asked.result if check.code is C.REPORT_COLUMNS)
        assert columns.outcome is FAILED
        assert "RECORD_TYPE" in columns.saw


async def test_a_clock_that_is_wrong_is_seen_either_way(books: Database, sandbox: SandboxClient) -> None:
    for skew in (90, -90):
        asked = await _preflight(sandbox, "stripe", skew_seconds=skew)
        assert all(abs(off - skew) < 10 for off in asked.clocks)


async def test_a_pse_that_does_not_answer_leaves_everything_unknown(books: Database, sandbox: SandboxClient) -> None:
    at = sandbox.at("stripe")
    shop = await a_shop_at(at)
    connection = shop.connection
    connection.base_url = "http://127.0.0.1:9/v1"
    account = PseAccount(connection.base_url, connection.client_id, frozenset({"MXN"}), OURS)
    about = About(shop.id, connection.id, "preflight-of-the-test", "PREFLIGHT")
    async with sender(quick_settings().secret_key, 1.0) as sending:
        asked = await ask(registry.connector("stripe").setup(account), connection, about, sending)
    assert set(_outcomes(asked).values()) == {UNKNOWN}
    assert "no answer could be had" in asked.result[0].saw
