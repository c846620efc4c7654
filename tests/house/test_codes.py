"""Every code that we ourselves write into a refund's history is explained to support."""

import re
from pathlib import Path

from domain.pse import explanations, registry

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


def test_every_code_that_a_connector_makes_up_is_explained() -> None:
    """Where a PSE gives no code of its own, the connector's word stands in the history all the same."""
    unknown = []
    for name in registry.connectors():
        for path in (CHECKOUT / "domain" / "pse" / name).glob("*.py"):
            made = {code for codes in _WRITTEN.findall(path.read_text()) for code in codes if code}
            unknown += [(name, code) for code in sorted(made) if explanations.explain(name, code) is None]
    assert unknown == []


def test_every_kind_of_a_pix_refund_is_explained() -> None:
    """Banco Central do Brasil, API Pix 2.9.0: `natureza`, and the settlement system's reasons."""
    kinds = ("ORIGINAL", "RETIRADA", "MED_OPERACIONAL", "MED_FRAUDE", "MED_PIX_AUTOMATICO")
    assert all(explanations.explain("pix", code) for code in (*kinds, "MD06", "SL02", "BE08", "FR01", "REFU"))
