"""A PSE's JSON, of which nothing is taken for what it is not."""

import pytest

from domain.pse.kit import exact
from domain.pse.kit.unreadable import Unreadable


@pytest.mark.parametrize("found", [None, [], "order", {}, {"object": "charge"}, {"object": ["order"]}])
def test_an_object_of_another_kind_is_unreadable(found: object) -> None:
    with pytest.raises(Unreadable, match="it is no order"):
        exact.of_kind(found, "order")
    assert exact.of_kind({"object": "order", "id": 1}, "order") == {"object": "order", "id": 1}


@pytest.mark.parametrize("value", [None, True, 1.0, "1", [1]])
def test_what_is_no_whole_number_is_named(value: object) -> None:
    with pytest.raises(Unreadable, match="amount is no whole number"):
        exact.whole_number({"amount": value}, "amount")
    assert exact.whole_number({"amount": -1}, "amount") == -1
