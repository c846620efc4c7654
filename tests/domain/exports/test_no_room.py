"""A disk without room while an export is made: nothing of it is held, it says so, and is made when there is some."""

import os
import tempfile
from pathlib import Path

import pytest

from domain.access.permissions import Role
from domain.exports import asked
from domain.exports.asked import Format, Kind, WantedRows
from domain.models import Export, File
from domain.platform.database import execute
from jobs import exports as jobs
from tests.kit.factories import CAUSE, a_key, a_payment, a_person, a_shop
from tests.kit.world import quick_settings

FULL, OPEN = Path("/dev/full"), Path("/proc/self/fd")
pytestmark = [
    pytest.mark.usefixtures("books"),
    pytest.mark.skipif(not (FULL.exists() and OPEN.exists()), reason="this system has no /dev/full, or no /proc"),
]


def _without_room(patch: pytest.MonkeyPatch, name: str) -> None:
    """Whoever writes the file of that name into a temporary folder finds the disk full."""

    class Folder(tempfile.TemporaryDirectory[str]):
        def __enter__(self) -> str:
            folder = super().__enter__()
            (Path(folder) / name).symlink_to(FULL)
            return folder

    patch.setattr(tempfile, "TemporaryDirectory", Folder)


def _held() -> list[str]:
    """Files of exports that are open: also one that is deleted keeps its room as long."""
    found = []
    for one in os.listdir(OPEN):
        try:
            found.append(os.readlink(OPEN / one))
        except FileNotFoundError:
            continue
    return [name for name in found if "estorno-export-" in name]


@pytest.mark.parametrize(
    ("format_", "name"),
    [
        (Format.XLSX, "export.xlsx"),
        (Format.CSV, "data.csv"),
        (Format.CSV, "export.zip"),
        (Format.PARQUET, "part-1.arrow"),
        (Format.PARQUET, "data.parquet"),
    ],
)
async def test_an_export_waits_for_room_holds_none_and_says_what_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: Format, name: str
) -> None:
    settings = quick_settings(files=str(tmp_path / "files"))
    shop = await a_shop()
    for _ in range(40):
        await a_payment(shop, reference=os.urandom(50).hex())
    who = a_person(shop, "Ana", Role.ACCOUNTANT)
    row = await asked.create(who, Kind.PAYMENTS, format_, WantedRows(), a_key(), CAUSE)
    last = await asked.create(who, Kind.PAYMENTS, format_, WantedRows(), a_key(), CAUSE)
    await execute("UPDATE exports SET tries = $2 WHERE id = $1", last.id, asked.TRIES_MAX - 1)
    with monkeypatch.context() as patch:
        _without_room(patch, name)
        await jobs.export(row.id, settings)
        await jobs.export(last.id, settings)
        assert _held() == []
    failed = await Export.get(id=last.id)
    assert (failed.state, failed.problem) == ("FAILED", "The server has no room for it: ask again when there is some.")
    assert (await Export.get(id=row.id)).state == "QUEUED"
    await execute("UPDATE exports SET due_at = now() WHERE id = $1", row.id)
    await jobs.export(row.id, settings)
    assert (await Export.get(id=row.id)).state == "DONE"
    assert await File.all().count() == len(os.listdir(str(settings.files))) == 1
