"""The README's table of PSEs says what the capabilities say."""

from pathlib import Path

from domain.pse import registry
from domain.pse.capabilities import Capability, LookUp, Route
from domain.pse.connector import Connector
from domain.pse.vocabulary import Method

README = Path(__file__).resolve().parents[2] / "README.md"
_LOOK_UPS = {
    LookUp.BY_REFERENCE: "by our reference",
    LookUp.BY_PSE_REFERENCE: "by its reference",
    LookUp.BY_LISTING: "by listing",
    LookUp.NONE: "none",
}


def _cell(able: Capability | None) -> str:
    if able is None or able.route is Route.UNSUPPORTED:
        return "–"
    if able.route is Route.PAYOUT_WITH_DESTINATION:
        return "by hand" if able.paid_by_hand else "account"
    return "back" if able.route is Route.ORIGINAL else "PSE asks"


def _row(name: str, wire: Connector) -> str:
    cells = [_cell(wire.capabilities.get(method)) for method in Method]
    look_ups = {able.look_up for able in wire.capabilities.values() if able.route is not Route.UNSUPPORTED}
    (look_up,) = {_LOOK_UPS[one] for one in look_ups if one is not LookUp.NONE} or {"none"}
    report = "none published" if wire.report_lag_days is None else "yes"
    report = "handed in" if wire.report_by_hand else report
    return " | ".join(["", f"`{name}`", *cells, look_up, report, ""]).strip()


def test_the_table_of_pses_is_what_the_capabilities_say() -> None:
    header = " | ".join(["", "PSE", *(method.value for method in Method), "Look-up", "Report", ""]).strip()
    rows = [_row(name, wire) for name, wire in registry.connectors().items()]
    wanted = "\n".join([header, "|---" * (len(Method) + 3) + "|", *rows])
    assert wanted in README.read_text(), f"README.md must have this table:\n{wanted}"
