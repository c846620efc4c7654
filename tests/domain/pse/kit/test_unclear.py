"""Rows that nobody understands are counted by their words, however many words a file has."""

from domain.pse.kit.unclear import Unclear
from domain.pse.reporting import Unknown


def test_rows_are_counted_by_their_words_and_the_first_of_each_is_named() -> None:
    unclear = Unclear()
    for line, words in enumerate(("new", "other", "new"), start=2):
        assert unclear.add(line, words) == words
    assert list(unclear.told()) == [Unknown("new", rows=2, line=2), Unknown("other", rows=1, line=3)]


def test_long_words_are_shortened_alike_in_the_line_and_in_the_count() -> None:
    unclear = Unclear()
    kept = unclear.add(2, "x" * 500)
    assert len(kept) == 80
    assert [one.words for one in unclear.told()] == [kept]


def test_a_file_whose_every_row_has_words_of_its_own_is_told_in_bounds() -> None:
    unclear = Unclear()
    for line in range(1_000):
        assert unclear.add(line, f"word {line}") == f"word {line}"
    told = unclear.told()
    assert len(told) == 101
    assert told[-1] == Unknown("other words", rows=900, line=100)
