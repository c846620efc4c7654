"""One dialect for all PSEs: the same deed stands in the same file under the same name (domain/pse/kit/parts.py)."""

import ast
from pathlib import Path
from statistics import median

import pytest

from domain.pse import registry

PSES = Path(__file__).resolve().parents[2] / "domain" / "pse"
# A function of this name, public and at the top of a module, is that deed and stands in that file alone.
HOMES = {
    "error_of": "objects.py",
    "echoed": "objects.py",
    "payment_of": "objects.py",
    "verify": "webhooks.py",
    "told": "webhooks.py",
    "fetch": "reports.py",
    "lines": "lines.py",
    "setup": "setup.py",
}
NEEDED = {"connector.py", "objects.py", "webhooks.py", "setup.py", "capabilities.toml", "codes.toml", "words.toml"}
LINES_MAX = 450  # of the package in the middle, blank ones included; two of the seven have reports like no other's
# Mercado Pago has two reports, each with lines of its own; lines.py says which of them a file is.
TWO_REPORTS = {("mercadopago", "release.py"), ("mercadopago", "settlement.py")}


def _functions(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("pse", registry.connectors())
def test_every_package_has_the_same_files_for_the_same_deeds(pse: str) -> None:
    assert {path.name for path in (PSES / pse).iterdir()} >= NEEDED
    for path in (PSES / pse).glob("*.py"):
        if (pse, path.name) in TWO_REPORTS:
            continue
        for deed in _functions(path) & HOMES.keys():
            assert path.name == HOMES[deed], f"{deed} of {pse}"


@pytest.mark.parametrize("pse", registry.connectors())
def test_a_connector_leaves_to_the_kit_what_the_kit_does(pse: str) -> None:
    (made,) = (
        node for node in ast.parse((PSES / pse / "connector.py").read_text()).body if isinstance(node, ast.ClassDef)
    )
    written = {node.name for node in made.body if isinstance(node, ast.FunctionDef)}
    assert not written & {"verify_webhook", "read_webhook", "reports", "read_report", "scrub"}


def test_half_of_the_packages_say_what_is_special_about_their_pse_in_few_lines() -> None:
    lines = {
        pse: sum(len(path.read_text().splitlines()) for path in (PSES / pse).glob("*.py"))
        for pse in registry.connectors()
    }
    assert median(lines.values()) <= LINES_MAX, (
        f"The package in the middle has more than {LINES_MAX} lines of Python. What a PSE's words and columns are is a"
        " fact: say it in its words.toml (domain/pse/kit/words.py). What two PSEs do alike belongs into"
        f" domain/pse/kit. Never join lines for it. All packages: {lines}"
    )
