"""Every code that we ourselves write into a refund's history is explained to support."""

import re
from pathlib import Path

from domain.pse import explanations

CHECKOUT = Path(__file__).resolve().parents[2]
_WRITTEN = re.compile(
    r'code="([A-Z][A-Z_]+)"|(?:InDoubt|Unsent|Declined|Returned)\(\s*"([A-Z][A-Z_]+)"|Note\("[A-Z_]+", "([A-Z][A-Z_]+)"'
)


def test_every_code_of_ours_has_an_explanation() -> None:
    written: set[str] = set()
    for room in ("domain/refunds", "domain/notices", "domain/reconciliation", "jobs/wire"):
        for path in (CHECKOUT / room).rglob("*.py"):
            written |= {code for codes in _WRITTEN.findall(path.read_text()) for code in codes if code}
    assert len(written) > 20
    assert sorted(code for code in written if explanations.explain("pix", code) is None) == []
