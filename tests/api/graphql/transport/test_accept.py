"""An Accept header costs time in proportion to its length, and its quotes are understood."""

import pytest

from api.graphql.transport.accept import GRAPHQL_RESPONSE, JSON, MULTIPART, preferred
from tests.kit.work import LINEAR_MAX, growth


@pytest.mark.parametrize("turn", [",", '",', '"', 'a/b;p="x,y",', "*/*;q=0.1,", ";", ";=,"])
@pytest.mark.parametrize("end", ["", '"'])
def test_a_hostile_header_takes_time_in_proportion_to_its_length(turn: str, end: str) -> None:
    assert growth(lambda size: preferred(turn * (size // len(turn)) + end), 1_000) < LINEAR_MAX


def test_a_comma_within_quotes_does_not_end_an_entry() -> None:
    assert preferred(f'text/html;p="a,{JSON}",{GRAPHQL_RESPONSE}') == GRAPHQL_RESPONSE
    assert preferred(f'{MULTIPART};boundary="a,b";subscriptionSpec="1.0",{JSON};q=0.5') == MULTIPART


def test_only_the_first_entries_count() -> None:
    assert preferred("text/html," * 50 + JSON) is None
