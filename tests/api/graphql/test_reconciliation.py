"""The night as accounting reads it over the public API."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from domain.access.tokens import Role
from domain.models import Connection
from domain.pse import registry
from domain.pse.reporting import BadReport, ReadReport, ReportFile, Unknown
from domain.pse.vocabulary import Period
from domain.reconciliation import reconcile
from tests.api.conftest import Enter
from tests.kit.lines import Telling, a_night, today

_RUNS = "{ reconciliationRuns(first: 5) { edges { node { state error manifest findings { kind action } } } } }"
_FINDINGS = """query F($kinds: [FindingKind!]) { findings(first: 5, kinds: $kinds) {
  edges { node { kind explanation action amount { minorUnits } resolvedAt } } } }"""


class Cut(Telling):
    """It cannot read cut.csv, and knows a word of no file."""

    def read_report(self, file: ReportFile, period: Period) -> ReadReport:
        if file.name == "cut.csv":
            raise BadReport(file.name, "The row is cut.", line=7, column="AMOUNT")
        return ReadReport(super().read_report(file, period).lines, None, unknown=[Unknown("yield", 2, 5)])


@pytest.fixture(autouse=True)
def without_the_laboratory() -> Iterator[None]:
    yield
    registry._CONNECTORS.pop("lab", None)


async def test_a_night_without_a_report_is_told_from_one_that_had_one(enter: Enter) -> None:
    registry.register(Telling())
    asker = await enter(Role.ACCOUNTING)
    await Connection.filter(id=asker.shop.connection.id).update(pse="lab")
    connection = await Connection.get(id=asker.shop.connection.id)
    await reconcile.reconcile(connection, await reconcile.begin(connection, today(-1)), [], datetime.now(UTC))
    (edge,) = (await asker.ask(_RUNS))["edges"]
    manifest = json.loads(edge["node"]["manifest"])
    assert (edge["node"]["state"], edge["node"]["error"], manifest["files"]) == ("NO_REPORT", None, [])
    assert manifest["completeness"] == "the PSE publishes no report"


async def test_what_a_reading_says_of_its_file_is_a_kind_of_finding_that_can_be_asked_for(enter: Enter) -> None:
    registry.register(Cut())
    asker = await enter(Role.ACCOUNTING)
    asker.shop.connection.pse = "lab"
    for name in ("cut.csv", "whole.csv"):
        await a_night(asker.shop, name=name)
    edges = (await asker.ask(_FINDINGS, kinds=["UNREADABLE_FILE", "UNKNOWN_LINE"]))["edges"]
    assert [edge["node"]["kind"] for edge in edges] == ["UNKNOWN_LINE", "UNREADABLE_FILE"]
    assert "line 7, column AMOUNT" in edges[1]["node"]["explanation"]
    (edge,) = (await asker.ask(_RUNS))["edges"]
    assert {one["kind"] for one in edge["node"]["findings"]} == {"UNREADABLE_FILE", "UNKNOWN_LINE"}
    proofs = {file["name"]: file.get("proof") for file in json.loads(edge["node"]["manifest"])["files"]}
    assert proofs == {"cut.csv": None, "whole.csv": "UNPROVEN"}
