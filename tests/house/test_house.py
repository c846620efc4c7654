"""The house's own rules: who may import whom, a lock that names no index, no path of a machine, one schema."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from jobs.machine.children import environment_of
from tests.kit.forked import told

CHECKOUT = Path(__file__).resolve().parents[2]
TOP, FLOORS = "api and jobs stand on domain, and never on each other", "each floor of the domain stands on lower ones"
ALONE, PURE = "a PSE's connector knows no other PSE", "domain/pse is pure: no database, no queue"
HTTP = "HTTP is spoken by the connectors and sent by jobs/wire alone"
FORBIDDEN = [
    ("domain/money.py", "import api.graphql.schema", TOP),
    ("domain/money.py", "import jobs.wire.sender", TOP),
    ("api/health.py", "import jobs.sweep", TOP),
    ("jobs/sweep.py", "import api.health", TOP),
    ("jobs/sweep.py", "import tests.kit.factories", TOP),
    ("domain/pse/pix/connector.py", "import domain.models", FLOORS),
    ("domain/payments/register.py", "import domain.refunds.record", FLOORS),
    ("domain/books/ledger.py", "import domain.findings.findings", FLOORS),
    ("domain/migrations/0013_orders.py", "import domain.money", FLOORS),
    ("domain/newcomer.py", "", FLOORS),
    ("domain/pse/pix/connector.py", "import domain.pse.adyen.amounts", ALONE),
    ("domain/pse/kit/oauth.py", "import domain.pse.pix.connector", ALONE),
    ("domain/pse/newcomer.py", "", ALONE),
    ("domain/pse/pix/connector.py", "import tortoise", PURE),
    ("api/console/names.py", "import domain.refunds.request", "the console asks the public schema"),
    ("api/health.py", "import httpx", HTTP),
    ("domain/connections/calls.py", "import httpx", HTTP),
    ("jobs/sweep.py", "import httpx", HTTP),
    ("jobs/worker.py", "import httpcore", HTTP),
    (
        "domain/commerce/vtex/dialect.py",
        "import domain.commerce.mabang.dialect",
        "a shop's dialect knows no other shop",
    ),
    ("domain/commerce/newcomer.py", "", "a shop's dialect knows no other shop"),
    ("domain/commerce/magento/rest.py", "import tortoise", "a shop's dialect asks no database and no queue"),
    ("jobs/wire/sender.py", "import botocore", "the key service is asked by domain/platform/kms alone"),
    ("jobs/sources.py", "import asyncssh", "SFTP is spoken by jobs/wire alone"),
    ("jobs/alerts.py", "import aiosmtplib", "mail is spoken by jobs/wire alone"),
    ("jobs/synth/labelled/teller.py", "import domain.findings.findings", "the labelled generator knows nothing"),
    ("tests/sandbox/pix/server.py", "import domain.money", "the sandbox is the other side of the wire"),
]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What import-linter says of each contract, of a checkout that has all the forbidden imports at once."""
    folder = tmp_path_factory.mktemp("forbidden")
    for name in ("api", "domain", "jobs", "tests"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    for file, line, _ in FORBIDDEN:
        with (folder / file).open("a") as target:
            target.write(f"\n\n{line}\n")
    said = _lint_imports(folder)
    _, *broken = re.split(r"(?m)^(.+)\n-{20,}\n", said.split("Broken contracts\n", 1)[1])
    return dict(zip(broken[::2], broken[1::2], strict=True))


def _lint_imports(folder: Path) -> str:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder), "COLUMNS": "200", "LANG": "C.UTF-8"},
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(("file", "line", "contract"), FORBIDDEN)
def test_each_import_rule_is_broken_by_an_import_that_it_forbids(
    verdicts: dict[str, str], file: str, line: str, contract: str
) -> None:
    module = file.removesuffix(".py").replace("/", ".")
    # By the import itself: a way that leads through what another one forbids proves nothing.
    name = re.escape(module)
    said = rf"-\s+{name} -> {re.escape(line.removeprefix('import '))} \(l\." if line else rf"as layers:\s+- {name}\n"
    (verdict,) = (verdict for rule, verdict in verdicts.items() if rule.startswith(contract))
    assert re.search(said, verdict)


def test_the_floors_of_the_domain_are_told_as_they_are() -> None:
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (floors,) = (one["layers"] for one in contracts if one["name"] == FLOORS)
    packages = {name.strip() for floor in floors for name in floor.split("|")}
    told = (CHECKOUT / "docs" / "decisions" / "015-packages-by-noun.md").read_text()
    rows = re.findall(r"(?m)^\| (`.*?) \|", told)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == packages
    picture = re.search(r"(?ms)^    api/ .*?\n\n", (CHECKOUT / "README.md").read_text())
    assert picture is not None
    rooms = {path.parent.name for name in ("api", "jobs", "tests") for path in (CHECKOUT / name).glob("*/__init__.py")}
    again = {"api", "domain", "jobs"}  # tests mirror the house
    lacking = (packages | rooms - again) - set(re.findall(r"\w+", picture[0]))
    assert lacking == set(), "README's picture of the house lacks them."


def test_each_rule_is_seen_to_be_broken() -> None:
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert [one["name"] for one in contracts if not any(one["name"].startswith(begin) for *_, begin in FORBIDDEN)] == []


@pytest.mark.parametrize("name", ["requirements.lock", "deploy/requirements.lock", "deploy/uv.lock"])
def test_the_lock_has_hashes_and_no_index_address(name: str) -> None:
    lock = (CHECKOUT / name).read_text()
    assert "--hash=sha256:" in lock
    assert not re.search(r"://|--index|--find-links|@ file", lock)
    names = re.findall(r"(?m)^([a-z0-9-]+)==", lock)
    assert all(lock.split(f"\n{name}==")[-1].split("\n", 2)[1].strip().startswith("--hash") for name in names[1:])


def test_every_dependency_is_pinned_exactly_and_locked() -> None:
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    lock = (CHECKOUT / "requirements.lock").read_text()
    image = (CHECKOUT / "deploy" / "requirements.lock").read_text()
    extras = project["optional-dependencies"]
    assert all(requirement in image for requirement in [_pin(one) for one in project["dependencies"]] + extras["aws"])
    assert not any(requirement in image for requirement in [*extras["dev"], *extras["machine"]])
    for requirement in [*project["dependencies"], *(one for extra in extras.values() for one in extra)]:
        pinned = _pin(requirement)
        assert "==" in pinned
        assert pinned in lock


def _pin(requirement: str) -> str:
    return requirement.split(";")[0].strip()


def _tracked() -> list[Path]:
    if not (CHECKOUT / ".git").exists():
        pytest.skip("Not a git checkout.")
    asked = [shutil.which("git") or "git", "ls-files"]
    names = subprocess.run(asked, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    return [CHECKOUT / name for name in names.splitlines() if (CHECKOUT / name).is_file()]


def test_no_file_names_a_path_of_the_machine_it_was_made_on() -> None:
    here = str(CHECKOUT)
    assert not [path for path in _tracked() if here in path.read_text(errors="replace")]


def test_no_room_of_the_house_holds_two_nouns() -> None:
    rooms = [path for name in ("api", "domain", "jobs") for path in (CHECKOUT / name).rglob("*.py")]
    long = {
        str(path.relative_to(CHECKOUT)): len(path.read_text().splitlines())
        for path in rooms
        if path.parent.name != "migrations"
    }
    assert {name: lines for name, lines in long.items() if lines > 400} == {}


def test_the_schema_in_the_repository_is_the_schema_of_the_code() -> None:
    done = told(["api.graphql.schema"], environment_of(None), seconds_max=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (CHECKOUT / "schema.graphql").read_text()


@cache
def _rooms() -> Mapping[str, ast.Module]:
    paths = [path for name in ("api", "domain", "jobs") for path in (CHECKOUT / name).rglob("*.py")]
    kept = [path for path in paths if path.parent.name != "migrations"]
    return {str(path.relative_to(CHECKOUT)): ast.parse(path.read_text()) for path in kept}


@cache
def _classes() -> Mapping[str, list[ast.ClassDef]]:
    """The classes of the house by name; a few share one."""
    found: dict[str, list[ast.ClassDef]] = {}
    for room in _rooms().values():
        for one in ast.walk(room):
            if isinstance(one, ast.ClassDef):
                found.setdefault(one.name, []).append(one)
    return found


_Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _public(body: list[ast.stmt]) -> list[_Named]:
    return [one for one in body if isinstance(one, _Named) and not one.name.startswith("_")]


def _undescribed(body: list[ast.stmt]) -> list[str]:
    """Public functions, classes and methods that say nothing of themselves, here or in their GraphQL description."""
    names = [one.name for one in _public(body) if not ast.get_docstring(one) and not _is_graphql(one)]
    for room in _public(body):
        if isinstance(room, ast.ClassDef):
            names += [f"{room.name}.{one.name}" for one in _public(room.body) if not _is_said(room, one)]
    return names


def _is_said(room: ast.ClassDef, one: _Named) -> bool:
    return bool(ast.get_docstring(one)) or _is_graphql(one) or _is_of_a_base(room, one.name)


def _is_graphql(one: _Named) -> bool:
    described = ("strawberry", "command", "answering")
    return any(word in ast.unparse(mark) for mark in one.decorator_list for word in described)


def _is_of_a_base(room: ast.ClassDef, name: str) -> bool:
    """What a base asks for is said there: by the house's own, or by the book of the library that it comes from."""
    if name == "Meta" or (name == "of" and _is_graphql(room)):  # Tortoise's, and the row as the type that is described
        return True
    bases = {ast.unparse(base).split("[")[0].split(".")[-1] for base in room.bases} - _ASK_FOR_NOTHING
    ours = [one for base in bases - {room.name} for one in _classes().get(base, [])]
    return any(
        _is_of_a_base(one, name) or any(method.name == name and _is_said(one, method) for method in _public(one.body))
        for one in ours
    ) or any(base == room.name or base not in _classes() for base in bases)


_ASK_FOR_NOTHING = {"Protocol", "NamedTuple", "TypedDict", "Generic", "ABC", "StrEnum", "IntEnum", "Model"}


def test_every_public_name_says_what_it_is() -> None:
    assert [f"{room}: {name}" for room, tree in _rooms().items() for name in _undescribed(tree.body)] == []


def test_a_public_name_without_a_word_is_found() -> None:
    silent = """
def spoken(): "says"
def silent(): ...
class Table(Model):
    class Meta: ...
    def left(self): ...
@strawberry.type
class Told:
    "says"
    @classmethod
    def of(cls, row): ...
    def more(self): ...
    def _own(self): ...
"""
    assert _undescribed(ast.parse(silent).body) == ["silent", "Table", "Table.left", "Told.more"]
