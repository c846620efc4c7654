"""Jobs are doors: what is asked of the database is asked in the domain, beside what it is about."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
_SQL = re.compile(
    r"\b(SELECT\s|INSERT INTO\s|UPDATE\s+\w+\s+SET\s|DELETE FROM\s|VACUUM\b|TRUNCATE\s"
    r"|(CREATE|ALTER|DROP) (ROLE|DATABASE|SCHEMA|TABLE|INDEX|CONSTRAINT)\b)"
)
# They work on databases, and not on what is in them: each with its owner's rights, which no domain has.
BESIDE = {
    "jobs/demo/stage.py": "empties the demo's own database, and marks it as such, before it is migrated",
    "jobs/machine/servers.py": "makes the roles and the database of a new cluster",
    "jobs/synth/fill.py": "copies a year of made-up rows past the product, and sets sequences behind them",
    "jobs/synth/schema.py": "takes constraints and indexes down for the copy, and puts them back",
}


def _statements(source: str) -> Iterator[str]:
    """The texts of a module that are SQL; what describes something is none."""
    tree = ast.parse(source)
    described = {
        id(one.body[0].value)
        for one in ast.walk(tree)
        if isinstance(one, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and one.body
        and isinstance(one.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in described and _SQL.search(str(node.value)):
            yield str(node.value)


def test_a_job_asks_the_domain_and_no_table() -> None:
    rooms = {str(path.relative_to(CHECKOUT)): path.read_text() for path in (CHECKOUT / "jobs").rglob("*.py")}
    asking = {room for room, source in rooms.items() if any(_statements(source))}
    assert asking == set(BESIDE)


@pytest.mark.parametrize(
    "line",
    [
        'rows("SELECT id FROM refunds")',
        'rows(f"SELECT merchant_id FROM {table}")',
        'execute("""UPDATE connections SET down_since = now()\nWHERE id = $1""", one)',
        'execute("DELETE FROM refunds WHERE id = $1", one)',
        'execute("INSERT INTO refunds (id) VALUES ($1)", one)',
    ],
)
def test_a_statement_in_a_job_is_seen(line: str) -> None:
    assert list(_statements(f'"""It would SELECT something."""\n{line}\n'))


def test_words_are_no_statement() -> None:
    assert not list(
        _statements('def f() -> None:\n    """INSERT INTO nothing."""\n    print("Select one, update it.")\n')
    )
