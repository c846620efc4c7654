"""A month's evidence: every file with its digest, what was not done is said, and no cell is a formula."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from domain.access import review
from domain.access.permissions import Permission
from domain.access.principal import Principal, reach_of
from domain.audit import evidence
from domain.audit.evidence import UtcMonth
from domain.audit.parts import PARTS
from domain.audit.tables import cell, csv_of
from domain.cause import Cause
from domain.deeds import deeds
from domain.models import Deed
from domain.platform.database import transaction
from domain.problems import InvalidInput
from tests.domain.keys.shops import a_shop_with_all
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_shop
from tests.kit.world import quick_settings

pytestmark = pytest.mark.usefixtures("books")
OPERATOR = Cause("command-1", "command line: owner@host")


async def _bundle(
    shop: Shop, month: str | None = None, attached: Mapping[str, bytes] | None = None
) -> dict[str, bytes]:
    wanted = UtcMonth.of(month or f"{datetime.now(UTC):%Y-%m}", datetime.now(UTC))
    settings = quick_settings(database_url="postgres://app:planted-password@db/x")
    return await evidence.bundle([shop.id], wanted, settings, attached or {}, OPERATOR)


async def _signed(shop: Shop) -> None:
    who = Principal(uuid4(), shop.id, "Vera", reach_of((frozenset({Permission.READ_AUDIT}), None)), datetime.now(UTC))
    await review.sign(who, (await review.of(shop.id)).digest, "All as it should be.", CAUSE)


async def test_the_bundle_names_every_file_with_its_digest_and_says_what_was_not_done() -> None:
    shop, other = await a_shop_with_all(), await a_shop(name="Outra")
    await _signed(shop)
    async with transaction():
        await deeds.note(other.id, "roleSave", deeds.Of("role", "theirs"), CAUSE)
    files = await _bundle(shop, attached={"sbom.json": b"{}"})
    manifest = json.loads(files["manifest.json"])
    assert set(manifest["files"]) == set(files) - {"manifest.json"}
    for name, told in manifest["files"].items():
        assert told == {"bytes": len(files[name]), "sha256": hashlib.sha256(files[name]).hexdigest()}, name
    readme = files["README.md"].decode()
    assert all(one.file in readme and one.controls in readme for one in PARTS)
    assert "No restore test was recorded in this month" in readme
    assert "The month is not over" in readme
    assert b"Vera" not in files["role-changes.csv"]
    assert b"All as it should be." in files["access-reviews.csv"]
    assert b"theirs" not in files["role-changes.csv"]
    assert json.loads(files["chain.json"])["broken"] == []
    assert b"planted-password" not in b"".join(files.values())
    (deed,) = await Deed.filter(operation="evidenceExport")
    assert deed.changes["manifest"][1] == hashlib.sha256(files["manifest.json"]).hexdigest()


async def test_a_month_holds_its_own_and_every_part_can_be_read(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    assert await evidence.record_restore_test("PASSED", "Restored on host b.", datetime.now(UTC), OPERATOR) > 0
    await owner_rows("ALTER TABLE deeds DISABLE TRIGGER USER")
    await owner_rows("UPDATE deeds SET occurred_at = '2026-01-31 23:59:59.999+00' WHERE operation = 'restoreTest'")
    held = {month: (await _bundle(shop, month))["restore-tests.csv"] for month in ("2026-01", "2026-02")}
    assert b"Restored on host b." in held["2026-01"]
    assert b"No restore test" in held["2026-02"]


@pytest.mark.parametrize("month", ["2026", "2026-13", "january", "2999-01"])
async def test_what_is_no_month_yet_is_refused(month: str) -> None:
    with pytest.raises(InvalidInput):
        await _bundle(await a_shop(), month)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", ".hidden", "a\nb", ""])
async def test_an_attachment_stays_in_the_bundle(name: str) -> None:
    with pytest.raises(InvalidInput):
        await _bundle(await a_shop(), attached={name: b"x"})


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "  =cmd|' /C calc'!A0", "\uff1d1+1", "\x00=1"]
)
def test_no_cell_begins_as_a_formula(text: str) -> None:
    ((shown,),) = csv.reader(io.StringIO(csv_of(["x"], [[text]]).decode().split("\r\n", 1)[1]))
    assert shown.startswith("'")
    assert cell(-5) == "-5"
    assert cell('plain, with "quotes"') == 'plain, with "quotes"'
