"""What is measured is what the schema knows."""

from pathlib import Path

from graphql import build_schema, parse, validate

from tests.trials.bench import pages


def test_every_document_that_is_measured_is_valid() -> None:
    schema = build_schema((Path(__file__).parents[3] / "schema.graphql").read_text(encoding="utf-8"))
    said = {what: validate(schema, parse(document)) for what, (document, _) in pages.DOCUMENTS.items()}
    assert {what: errors for what, errors in said.items() if errors} == {}
