"""What a connection is made of: the table of each PSE names what its connector reads, and where people find it."""

import pytest

from domain.pse import registry
from domain.pse.credentials import PLAIN, fields
from tests.kit.accounts import ACCOUNTS

PSES = ["adyen", "conekta", "dlocal", "ebanx", "mercadopago", "pix", "stripe"]


def test_every_pse_that_we_speak_to_has_its_table() -> None:
    assert [name for name in registry.connectors() if name != "lab"] == PSES


@pytest.mark.parametrize("pse", PSES)
def test_what_the_connector_needs_is_asked_for_and_nothing_is_asked_for_twice(pse: str) -> None:
    table, account = fields(pse), ACCOUNTS[pse]
    names = [one.name for one in table]
    assert len(names) == len(set(names))
    assert {"client_id", "base_url"} <= set(names)
    assert set(account.secrets) <= set(names) - PLAIN
    wanted = {one.name for one in table if not one.optional} - PLAIN
    assert wanted <= set(account.secrets)
    assert ("token_url" in names) is (account.token_path is not None)


@pytest.mark.parametrize("pse", PSES)
def test_each_field_says_where_it_is_found_and_what_must_not_be_seen(pse: str) -> None:
    for one in fields(pse):
        assert one.label
        assert one.where
        hidden = any(word in one.name for word in ("secret", "password", "api_key", "hmac", "token", "trans_key"))
        assert one.secret is (hidden or one.name in ("integration_key", "client_key")) or one.name == "token_url"
