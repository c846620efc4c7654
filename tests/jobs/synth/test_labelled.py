"""The labelled generator: the same for a seed, every kind planted, and enough of each that only looks so."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from domain.findings.findings import FindingKind
from domain.pse.kit.canonical import OUR_REFERENCE
from domain.pse.registry import connector
from jobs.synth.labelled.chance import draw, drawn
from jobs.synth.labelled.layouts.files import SHEETS
from jobs.synth.labelled.shape import PLACES
from jobs.synth.labelled.write import WantedBooks, write

_WANTED = WantedBooks(lines=3_000, days=1)  # stories take further days, and are most of the lines
_NEGATIVES = 50
_KINDS = frozenset(FindingKind) - {
    # They are not of what reports, statements and documents say.
    FindingKind.DOUBT_UNRESOLVED,
    FindingKind.PENDING_TOO_LONG,
    FindingKind.NOT_SENT,
    FindingKind.CONTRADICTION,
    FindingKind.NOTICE_UNMATCHED,
    FindingKind.NIGHT_FAILED,
    FindingKind.CONNECTION_REFUSED,
    FindingKind.PREFLIGHT_FAILED,
    FindingKind.EXPIRES_SOON,
    FindingKind.PAYMENT_UNKNOWN,
    FindingKind.PAYMENT_DIFFERS,
    FindingKind.AFTER_CLOSING,
    FindingKind.REPORT_UNCONFIRMED,
    FindingKind.HANDED_IN_DIFFERS,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("labelled") / "made"
    write(made, _WANTED)
    return made


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_seed_makes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "again", _WANTED)
    assert _digests(tmp_path / "again") == _digests(folder)


def test_another_seed_makes_others(tmp_path: Path) -> None:
    """In one PSE as in all."""
    for seed in (1, 2):
        write(tmp_path / str(seed), replace(_WANTED, lines=300, pses=("pix",), seed=seed))
    assert _digests(tmp_path / "1") != _digests(tmp_path / "2")


def test_every_kind_is_planted_and_at_least_fifty_things_only_look_so(folder: Path) -> None:
    labels = pl.read_parquet(folder / "labels.parquet")
    planted, fine = (set(labels.filter(pl.col("planted") == one)["kind"]) for one in (True, False))
    assert planted == fine == _KINDS
    many = labels.filter(~pl.col("planted")).group_by("kind").len()
    assert many.filter(pl.col("len") < _NEGATIVES).rows() == []


def test_nothing_is_labelled_as_what_it_only_looks_like(folder: Path) -> None:
    labels = pl.read_parquet(folder / "labels.parquet")
    thing = ["kind", "pse", "subject", "name"]
    both = labels.filter("planted").join(labels.filter(~pl.col("planted")), on=thing, how="semi")
    assert both.rows() == []


def test_every_pse_has_a_night_a_statement_and_its_documents(folder: Path) -> None:
    nights = json.loads((folder / "manifest.json").read_text())["nights"]
    assert {one["pse"] for one in nights} == set(SHEETS)
    assert all((folder / file["path"]).is_file() for one in nights for file in one["files"])
    assert {path.stem for path in (folder / "tax").iterdir()} == set(SHEETS)
    statements = {path.stem.split("-")[0] for path in (folder / "bank").iterdir()}
    assert statements == set(SHEETS) - {"pix"}, "Pix is on the account at once"


def test_what_it_knows_of_the_pses_is_what_their_connectors_say() -> None:
    for name, place in PLACES.items():
        lag = connector(name).report_lag_days
        assert (place.lag_days is None) == (lag is None), name
        assert place.lag_days is None or place.lag_days >= (lag or 0), name  # where it is counted in bank days, more


def test_refunds_are_called_as_ours_are(folder: Path) -> None:
    for path in (folder / "books").glob("*-refunds-*.parquet"):
        assert pl.read_parquet(path)["reference"].str.contains(OUR_REFERENCE).all()


def test_lines_are_as_many_as_were_wanted(tmp_path: Path) -> None:
    made = write(tmp_path, WantedBooks(lines=20_000, pses=("pix", "adyen"), planted=1, innocent=1))
    assert made["lines"] == pytest.approx(20_000, rel=0.02)


def test_chance_is_the_same_in_columns_and_one_by_one() -> None:
    numbers = [0, 1, 7, 90_000_000_001]
    made = pl.DataFrame({"number": numbers}).select(drawn(pl.col("number"), 5, 3, 1_000))["number"].to_list()
    assert made == [draw(number, 5, 3, 1_000) for number in numbers]
