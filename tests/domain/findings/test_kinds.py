"""What people read of a kind of finding, how grave it is, and what the night does with what grows old."""

from pathlib import Path

import pytest

from domain.findings import growing, kinds
from domain.findings.findings import FindingKind
from domain.languages import LOCALES
from domain.models import Finding
from domain.money import Money
from tests.domain.findings.conftest import Desk


def test_every_kind_has_its_words_in_four_languages() -> None:
    assert set(kinds.table()) == set(FindingKind)
    for kind, known in kinds.table().items():
        assert kinds.LEAST <= known.severity <= kinds.MOST
        assert known.due_in.days > 0
        for words in (known.title, known.because, known.action):
            assert tuple(words) == LOCALES, kind
            assert len(set(words.values())) == len(LOCALES), (kind, words)
            assert all(0 < len(text) <= 200 for text in words.values()), kind


@pytest.mark.parametrize(
    ("amount", "currency", "severity"),
    [(0, "BRL", 2), (99_999, "BRL", 2), (100_000, "BRL", 3), (2_500_000, "BRL", 4), (190_000, "CLP", 3), (1, "USD", 2)],
)
def test_much_money_weighs_more(amount: int, currency: str, severity: int) -> None:
    assert kinds.severity(FindingKind.DUPLICATE_LINE, Money(amount, currency)) == severity


@pytest.mark.parametrize(
    ("accepted", "locale"),
    [
        (None, "en"), ("", "en"), ("fr", "en"), ("es-MX,es;q=0.9", "es"), ("pt", "pt-BR"), ("zh-TW", "zh-CN"),
        ("en;q=0.2, pt-PT;q=0.8", "pt-BR"), ("es;q=0, en", "en"), ("*;q=nonsense, ,;;;", "en"),
        ("es;q=1e9, zh", "zh-CN"), ("es;q=\u00b2, pt", "pt-BR"), ("es;q=., pt", "pt-BR"),
        (",".join(["fr"] * 10_000), "en"),
    ],
)  # fmt: skip
def test_the_language_is_what_the_reader_wants_most(accepted: str | None, locale: str) -> None:
    assert kinds.locale_of(accepted) == locale


async def test_what_is_overdue_weighs_more_each_night_once_and_what_is_resolved_stays(desk: Desk) -> None:
    found = await desk.taken(900, "MED1")
    done = await desk.taken(900, "MED2")
    assert found.due_at is not None
    assert (found.severity, (found.due_at - found.created_at).days) == (3, 3)
    assert await growing.grow() == 0
    await Finding.filter(id__in=[found.id, done.id]).update(due_at=found.created_at, severity=1)
    await Finding.filter(id=done.id).update(resolved_at=found.created_at)
    assert [await growing.grow(), await growing.grow()] == [1, 0]
    assert [(await Finding.get(id=one.id)).severity for one in (found, done)] == [4, 1]


def test_every_kind_stands_in_the_table_that_accountants_read() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "accounting.md").read_text()
    table = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    told = {name for cell in table for name in cell.replace("`", " ").replace(",", " ").split()}
    assert set(FindingKind) <= told
