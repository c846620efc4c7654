"""The catalogue: a schema and a sample for each type, and every state of a refund in it."""

import re

import jsonschema
import pytest

from domain.deliveries import catalogue, samples
from domain.deliveries.catalogue import BY_NAME, TYPES, EventType, schema, unknown, wants
from domain.models.refunds import State


@pytest.mark.parametrize("one", TYPES, ids=lambda one: one.name)
def test_each_sample_fits_its_schema_fat_and_thin_and_no_other(one: EventType) -> None:
    made, whole = schema(one), samples.sample(one.name)
    jsonschema.Draft202012Validator.check_schema(made)
    check = jsonschema.Draft202012Validator(made, format_checker=jsonschema.FormatChecker())
    check.validate(whole)
    names = ("merchantId", "object", "id", "position", "sequence")
    thin = {**whole, "data": {name: whole["data"][name] for name in names}}
    check.validate(thin)
    assert set(whole["data"]) == {*names, *one.facts}, "A sample shows all facts."
    for wrong in ({**whole, "type": "other.type"}, {**whole, "data": {**whole["data"], "customer": "x"}}):
        assert not check.is_valid(wrong)


def test_names_are_words_joined_by_one_dot_and_no_two_are_the_same() -> None:
    assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", one.name) and one.said.endswith(".") for one in TYPES)
    assert len(BY_NAME) == len(TYPES)
    assert {catalogue.of_state(state) for state in State} <= set(BY_NAME)
    assert catalogue.of_state(State.SUCCEEDED) == "refund.success"
    assert catalogue.of_state(State.FAILED) == "refund.failed"


def test_a_family_a_star_or_a_name_wants_what_it_says_and_strange_ones_are_named() -> None:
    assert wants(["refund.*"], "refund.success")
    assert wants(["*"], "night.late")
    assert wants(["night.late"], "night.late")
    assert not wants(["night.late", "finding.*"], "night.failed")
    assert not wants([], "refund.success")
    assert unknown(["refund.*", "*", "night.late", "estorno.test"]) == []
    assert unknown(["refunds.*", "refund.sucess", "*.success", "", "refund", "a" * 500]) == [
        "refunds.*", "refund.sucess", "*.success", "", "refund", "a" * 500,
    ]  # fmt: skip
