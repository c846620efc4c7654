"""What the console is made of beside Python: in the wheel, all of it, and little of it a script."""

import tomllib
from pathlib import Path

from api.console import statics
from api.console.words import HERE

CHECKOUT = Path(__file__).resolve().parents[3]
SCRIPT_LINES_MAX = 200


def test_a_wheel_has_every_document_template_catalogue_style_and_script() -> None:
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        patterns = tomllib.load(file)["tool"]["setuptools"]["package-data"]["api.console"]
    packed = {path for pattern in patterns for path in HERE.glob(pattern)}
    others = {path for path in HERE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert others <= packed
    # A folder that is no package is not packed.
    assert all((path.parent / "__init__.py").exists() for path in HERE.glob("*/pages.py"))


def test_there_is_one_script_and_it_is_short() -> None:
    scripts = list(HERE.rglob("*.js"))
    assert [path.name for path in scripts] == ["console.js"]
    assert len(scripts[0].read_text().splitlines()) <= SCRIPT_LINES_MAX


def test_every_style_and_script_is_served_under_a_name_of_its_content() -> None:
    made = {part for parts in statics._MADE_OF.values() for part in parts}
    assert {path.name for path in (HERE / "static").iterdir()} == made
    assert all(statics.address(name).count(".") == 2 for name in statics._MADE_OF)
