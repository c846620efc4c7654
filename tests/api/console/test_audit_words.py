"""The audit log calls what was done as people do, in the reader's language."""

from functools import cache
from pathlib import Path

import pytest
from graphql import build_schema

from api.console.audit import said
from api.console.words import TRANSLATED, speaking
from domain.access.policies import READ_LISTS

CHECKOUT = Path(__file__).resolve().parents[3]


@cache
def _operations() -> list[str]:
    mutations = build_schema((CHECKOUT / "schema.graphql").read_text()).mutation_type
    assert mutations is not None
    return [*mutations.fields, *READ_LISTS, "Refund.calls", "Refund.webhooks", "Refund.paymentInstruction"]


def test_every_operation_of_the_log_has_words() -> None:
    assert [name for name in _operations() if said.operation(name) == name] == []
    assert said.operation("refundCreate") == "Refund: create"
    assert said.operation("somethingNew") == "somethingNew"
    assert (said.thing("VAT reversal"), said.thing("fee schedule"), said.thing("odd")) == (
        "VAT of a refund",
        "Fee schedule",
        "odd",
    )


@pytest.mark.parametrize("language", TRANSLATED)
def test_an_operation_is_told_in_the_readers_language(language: str) -> None:
    english = {said.operation(name) for name in _operations()}
    with speaking("audit", language):
        assert not english & {said.operation(name) for name in _operations()} - {"Token", "Tokens", "Roles"}
