"""Webhooks' signatures: who signed, and when."""

from datetime import UTC, datetime

import pytest

from domain.pse.kit import signatures
from domain.pse.vocabulary import BadSignature, Credentials

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_the_old_secret_is_good_beside_the_new_one_and_an_empty_one_is_none() -> None:
    credentials = Credentials("https://x", "id", {"new": "n", "old": "o", "empty": ""})
    assert signatures.secrets_of(credentials, "new", "old", "empty", "missing") == ["n", "o"]


def test_the_pairs_of_a_header_are_read_in_order_however_it_is_spaced() -> None:
    assert signatures.pairs("t=1, V1=a=b ,x") == [("t", "1"), ("v1", "a=b"), ("x", "")]


def test_one_signature_that_fits_is_enough_and_half_a_surrogate_pair_is_no_error() -> None:
    signatures.check(["a", "b"], ["b"], "No.")
    for given in (["\ud800"], []):
        with pytest.raises(BadSignature, match="^No.$"):
            signatures.check(given, ["b"], "No.")


@pytest.mark.parametrize(("seconds", "good"), [(-61, False), (-60, True), (0, True), (5, True), (6, False)])
def test_what_was_signed_long_ago_or_ahead_of_our_clock_is_not_taken(seconds: int, good: bool) -> None:
    signed_at = NOW.timestamp() + seconds
    if good:
        signatures.check_time(signed_at, NOW, 60, 5)
        return
    with pytest.raises(BadSignature):
        signatures.check_time(signed_at, NOW, 60, 5)
