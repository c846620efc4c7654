"""What of schema.graphql breaks clients stands in the changelog, and the pages about it are of today."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from graphql import BreakingChange, build_schema
from graphql.utilities import find_breaking_changes

from api.graphql import schema_pages

CHECKOUT = Path(__file__).resolve().parents[2]
SCHEMA = "schema.graphql"
_NAME = re.compile(r"[A-Z][A-Za-z]+(?:\.[A-Za-z_]+)?")


class NoLine(Exception):
    """There is nothing to compare with."""


def _git(*command: str, at: Path = CHECKOUT) -> str:
    git = shutil.which("git")
    if git is None or not (at / ".git").exists():
        raise NoLine("this is no git checkout")
    done = subprocess.run([git, *command], cwd=at, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoLine(f"git {' '.join(command)}: {done.stderr.strip() or 'nothing'}")
    return done.stdout.strip()


def _has(name: str, at: Path) -> bool:
    try:
        return bool(_git("rev-parse", "--verify", "--quiet", name, at=at))
    except NoLine:
        return False


def before(at: Path = CHECKOUT) -> str:
    """schema.graphql of the last commit of the main line before what is here. Raises NoLine."""
    _git("rev-parse", "HEAD", at=at)
    base = next((one for one in ("origin/main", "main") if _has(one, at)), None)
    if base is None:
        raise NoLine("there is no branch main here")
    base = _git("merge-base", "HEAD", base, at=at)
    if base == _git("rev-parse", "HEAD", at=at):  # this is the main line itself
        base = _git("rev-parse", "HEAD^", at=at)
    return _git("show", f"{base}:{SCHEMA}", at=at)


def untold(old: str, new: str, changelog: str) -> list[str]:
    """The breaking changes of which the newest part of the changelog names neither field nor type."""
    newest = re.split(r"(?m)^## ", changelog)[1]
    return [
        one.description for one in find_breaking_changes(build_schema(old), build_schema(new)) if not _told(one, newest)
    ]


def _told(change: BreakingChange, newest: str) -> bool:
    names = _NAME.findall(change.description)
    fields = [name for name in names if "." in name] or names[:1]
    return any(f"`{name}" in newest for name in fields)


def test_each_breaking_change_is_told_in_the_changelog() -> None:
    try:
        old = before()
    except NoLine as why:
        pytest.skip(f"Nothing to compare the schema with: {why}.")
    assert untold(old, (CHECKOUT / SCHEMA).read_text(), (CHECKOUT / "CHANGELOG.md").read_text()) == []


def test_a_breaking_change_without_a_word_is_found() -> None:
    old, new = "type Query { a: Int b(x: Int): Int }", "type Query { b(x: Int!): Int }"
    assert untold(old, new, "# Log\n\n## [Unreleased]\n\n- `Query.a` is gone.\n") == [
        "Argument Query.b(x:) has changed type from Int to Int!."
    ]
    assert untold(old, new, "# Log\n\n## [Unreleased]\n\n- `Query.a` is gone, `Query.b` wants x.\n\n## 1\n") == []
    assert len(untold(old, new, "# Log\n\n## [Unreleased]\n\n## 1\n\n- `Query.a` and `Query.b`.\n")) == 2


def test_a_clone_that_has_no_more_than_its_last_commit_says_so(tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    far, near = tmp_path / "far", tmp_path / "near"
    subprocess.run([*git, "init", "-q", str(far)], check=True)
    for text in ("type Query { a: Int }", "type Query { a: Int b: Int }"):
        (far / SCHEMA).write_text(text)
        subprocess.run([*git, "add", "."], cwd=far, check=True)
        subprocess.run([*git, "commit", "-qm", "one"], cwd=far, check=True)
    assert before(far) == "type Query { a: Int }"
    subprocess.run([*git, "clone", "-q", "--depth", "1", f"file://{far}", str(near)], check=True)
    with pytest.raises(NoLine, match="HEAD\\^"):
        before(near)
    subprocess.run([*git, "checkout", "-q", "--detach"], cwd=near, check=True)
    subprocess.run([*git, "branch", "-qD", "main"], cwd=near, check=True)
    subprocess.run([*git, "remote", "remove", "origin"], cwd=near, check=True)
    with pytest.raises(NoLine, match="no branch main"):
        before(near)
    with pytest.raises(NoLine, match="no git checkout"):
        before(tmp_path)


def test_the_pages_about_the_schema_are_those_of_the_schema() -> None:
    made = schema_pages.pages(build_schema((CHECKOUT / SCHEMA).read_text()))
    folder = CHECKOUT / schema_pages.FOLDER
    assert {path.name for path in folder.glob("*.md")} == set(made)
    assert [name for name, text in made.items() if (folder / name).read_text() != text] == [], "Run make docs."
    links = {found for text in made.values() for found in re.findall(r"\]\(([a-z]+\.md#[a-z]+)\)", text)}
    anchors = {f"{name}#{title.lower()}" for name, text in made.items() for title in re.findall(r"(?m)^## (\w+)", text)}
    assert links - anchors == set()
