"""Our reference at every PSE."""

import string
from collections import Counter

from domain.refunds.request import REFERENCE_LENGTH, new_reference


def test_a_reference_is_twenty_letters_and_digits_none_of_which_is_rarer_anywhere() -> None:
    drawn = [new_reference() for _ in range(4_000)]
    alphabet = string.digits + string.ascii_lowercase
    assert len(set(drawn)) == len(drawn)
    assert {len(one) for one in drawn} == {REFERENCE_LENGTH}
    for place in range(REFERENCE_LENGTH):
        found = Counter(one[place] for one in drawn)
        assert set(found) == set(alphabet)
        assert max(found.values()) < 200  # 111 each; more than eight deviations away
