"""The GraphQL that the documentation shows is GraphQL that the API takes."""

import re
from pathlib import Path

import pytest
from graphql import parse, validate

from api.graphql.schema import make

CHECKOUT = Path(__file__).resolve().parents[2]
SHOWN = [
    (path.name, number, block)
    for path in (CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md")))
    for number, block in enumerate(re.findall(r"```graphql\n(.*?)```", path.read_text(), re.DOTALL))
]


@pytest.mark.parametrize(("name", "number", "block"), SHOWN, ids=[f"{name}-{number}" for name, number, _ in SHOWN])
def test_each_document_that_is_shown_is_valid(name: str, number: int, block: str) -> None:
    assert validate(make()._schema, parse(block)) == []


def test_documents_are_shown() -> None:
    assert len(SHOWN) >= 5
