"""What is said of an alert, to whom and when: pure, so that a day of quiet hours costs nothing to play."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from domain.alerts import kinds, plan, rules, words
from domain.alerts.plan import PlannedMessage, Reached
from domain.alerts.rules import HeldRule
from domain.alerts.words import AlertReader
from domain.findings.kinds import FindingKind
from domain.languages import LOCALES
from domain.models import Alert
from domain.models.alerts import AlertKind, Mode, Severity, What

ZONE = ZoneInfo("America/Sao_Paulo")
NOON = datetime(2026, 11, 27, 15, 2, tzinfo=UTC)  # 12:02 there
NIGHT = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)  # 22:00 there
HERE, THERE, GONE = uuid4(), uuid4(), uuid4()
EVERYWHERE = [Reached(HERE, active=True), Reached(THERE, active=True), Reached(GONE, active=False)]


def _alert(kind: AlertKind = AlertKind.REFUND_STUCK, **more: Any) -> Alert:
    told = {
        "id": uuid4(),
        "merchant_id": uuid4(),
        "kind": kind,
        "key": f"{kind.lower()}:x",
        "severity": kinds.known(kind).severity,
        "count": 3,
        "amounts": {"BRL": 45_000, "CLP": 1_050},
        "subjects": [{"kind": "refund", "id": "1", "name": "abc"}],
        "facts": {},
        "since": NOON - timedelta(hours=2),
        "opened_at": NOON,
        "last_seen_at": NOON,
    }
    alert = Alert(**told)
    for name, value in {"connection_id": None, "endpoint_id": None, **more}.items():
        setattr(alert, name, value)
    return alert


def _told(alert: Alert, ago: timedelta, now: datetime, **more: Any) -> Alert:
    facts = {"told_at": now - ago, "said_at": now - ago, "told_count": alert.count, "notices": 1, **more}
    alert.update_from_dict(facts)
    return alert


def _said(
    alert: Alert, *own: HeldRule, now: datetime = NOON, beside: Any = (), told: Any = ()
) -> PlannedMessage | None:
    return plan.said(alert, own, beside, EVERYWHERE, frozenset(told), now, ZONE)


def test_what_is_critical_is_told_at_once_at_any_hour_and_a_warning_with_its_quarter_of_an_hour_by_day() -> None:
    assert _said(_alert(AlertKind.DOUBT), now=NIGHT) == PlannedMessage(What.OPENED, 0, {HERE: NIGHT, THERE: NIGHT})
    quarter = NOON.replace(minute=15)
    assert _said(_alert()) == PlannedMessage(What.OPENED, 0, {HERE: quarter, THERE: quarter})
    morning = datetime(2026, 11, 28, 11, 0, tzinfo=UTC)  # 08:00 there
    assert _said(_alert(), now=NIGHT) == PlannedMessage(What.OPENED, 0, {HERE: morning, THERE: morning})
    before_dawn = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)  # 05:00 there, the same day's morning
    found = _said(_alert(), now=before_dawn)
    assert found is not None
    assert set(found.due.values()) == {morning}


def test_a_rule_of_the_merchants_stands_in_the_place_of_the_default_and_another_one_beside_it() -> None:
    quiet = HeldRule("REFUND_STUCK", AlertKind.REFUND_STUCK, mode=Mode.DIGEST)
    assert _said(_alert(), quiet) is None
    loud = HeldRule("night desk", AlertKind.REFUND_STUCK, endpoints=[THERE], quiet=None)
    found = _said(_alert(), quiet, loud, now=NIGHT)
    assert found is not None
    assert list(found.due) == [THERE]
    both = _said(_alert(), loud, now=NIGHT)
    assert both is not None
    assert both.due[THERE] < both.due[HERE], "Who is told at once by one rule does not wait for the other's morning."
    elsewhere = HeldRule("other", AlertKind.REFUND_STUCK, connections=frozenset({uuid4()}), endpoints=[THERE])
    assert _said(_alert(), HeldRule("REFUND_STUCK", AlertKind.REFUND_STUCK, mode=Mode.NEVER), elsewhere) is None


def test_what_is_critical_is_told_to_somebody_whatever_one_persons_rule_says() -> None:
    kind = AlertKind.INVARIANT_BROKEN
    for more in ({"mode": Mode.NEVER}, {"connections": frozenset({uuid4()})}, {"least": {"BRL": 10**15}}):
        found = _said(_alert(kind), HeldRule(kind.value, kind, **more))
        assert found == PlannedMessage(What.OPENED, 0, {HERE: NOON, THERE: NOON}), more
    assert rules.severity([HeldRule(kind.value, kind, severity=Severity.INFO)], kind) is Severity.WARNING
    assert _said(_alert(), HeldRule("REFUND_STUCK", AlertKind.REFUND_STUCK, mode=Mode.NEVER)) is None


def test_nobody_who_can_be_reached_is_left_untold_because_the_rule_names_one_who_cannot() -> None:
    found = _said(_alert(AlertKind.DOUBT), HeldRule("DOUBT", AlertKind.DOUBT, endpoints=[GONE]))
    assert found is not None
    assert set(found.due) == {HERE, THERE}
    about_it = _said(_alert(AlertKind.CHANNEL_FAILING, endpoint_id=HERE))
    assert about_it is not None
    assert set(about_it.due) == {THERE}, "What does not arrive at a channel is told on another one."


def test_a_critical_alert_goes_to_the_next_after_15_minutes_and_to_the_last_after_45_unless_somebody_has_it() -> None:
    rule = HeldRule("DOUBT", AlertKind.DOUBT, endpoints=[HERE], next=[THERE], last=[])
    alert = _told(_alert(AlertKind.DOUBT), timedelta(minutes=14), NOON)
    assert _said(alert, rule) is None
    assert _said(_told(alert, timedelta(minutes=15), NOON), rule) == PlannedMessage(What.ESCALATED, 1, {THERE: NOON})
    alert.escalated = 1
    assert _said(_told(alert, timedelta(minutes=29), NOON, escalated=1), rule) is None
    assert _said(_told(alert, timedelta(minutes=45), NOON, escalated=1), rule) == PlannedMessage(
        What.ESCALATED, 2, {HERE: NOON, THERE: NOON}
    )
    assert _said(_told(alert, timedelta(minutes=46), NOON, escalated=2, acknowledged_at=NOON), rule) is None
    calm = HeldRule("DOUBT", AlertKind.DOUBT, endpoints=[HERE], escalates=False)
    again = _said(_told(_alert(AlertKind.DOUBT), timedelta(minutes=46), NOON), calm)
    assert again == PlannedMessage(What.REPEATED, 0, {HERE: NOON})


def test_it_is_repeated_until_acknowledged_and_said_again_when_it_has_doubled_whoever_has_it() -> None:
    assert _said(_told(_alert(), timedelta(hours=3, minutes=59), NOON)) is None
    found = _said(_told(_alert(), timedelta(hours=4), NOON))
    assert found is not None
    assert found.what is What.REPEATED
    mine = _told(_alert(), timedelta(days=2), NOON, acknowledged_at=NOON)
    assert _said(mine) is None
    mine.count = 6
    grown = _said(mine)
    assert grown is not None
    assert grown.what is What.GREW
    mine.snoozed_until = NOON + timedelta(minutes=1)
    assert _said(mine) is None
    mine.snoozed_until = NOON
    assert _said(mine) is not None


def test_a_psp_that_is_down_holds_back_its_slow_refunds_and_nothing_else() -> None:
    assert _said(_alert(), beside={AlertKind.PSE_DOWN}) is None
    assert _said(_alert(AlertKind.DOUBT), beside={AlertKind.PSE_DOWN}) is not None
    assert _said(_alert(AlertKind.PSE_DOWN), beside={AlertKind.PSE_DOWN}) is not None


def test_the_end_is_told_to_those_who_were_told_of_the_begin_and_once() -> None:
    over = _told(_alert(AlertKind.PSE_DOWN), timedelta(hours=1), NOON, resolved_at=NOON)
    assert _said(over, told=[HERE, GONE]) == PlannedMessage(What.RESOLVED, 0, {HERE: NOON})
    assert _said(_told(over, timedelta(hours=1), NOON, resolved_told=True), told=[HERE]) is None
    assert _said(_alert(AlertKind.PSE_DOWN, resolved_at=NOON)) is None, "Of what was over before it was told: nothing."
    assert (
        _said(_told(_alert(AlertKind.REFUND_FAILED), timedelta(hours=1), NOON, resolved_at=NOON), told=[HERE]) is None
    )


def test_an_amount_that_a_rule_wants_is_reached_or_it_tells_nothing() -> None:
    above = HeldRule("FINDING", AlertKind.FINDING, least={"BRL": 45_001})
    assert _said(_alert(AlertKind.FINDING), above) is None
    assert _said(_alert(AlertKind.FINDING), HeldRule("FINDING", AlertKind.FINDING, least={"BRL": 45_000})) is not None
    assert _said(_alert(AlertKind.FINDING), HeldRule("FINDING", AlertKind.FINDING, least={"USD": 1})) is None


def test_the_gravest_rule_says_how_grave_an_alert_is_and_an_informative_one_waits_for_the_digest() -> None:
    quiet = HeldRule("DOUBT", AlertKind.DOUBT, severity=Severity.INFO)
    loud = HeldRule("VIP", AlertKind.DOUBT, severity=Severity.CRITICAL)
    assert rules.severity([quiet, loud], AlertKind.DOUBT) is Severity.CRITICAL
    assert rules.severity([quiet], AlertKind.DOUBT) is Severity.WARNING, "It is critical by itself."
    stuck = HeldRule("REFUND_STUCK", AlertKind.REFUND_STUCK, severity=Severity.INFO)
    assert rules.severity([stuck], AlertKind.REFUND_STUCK) is Severity.INFO
    assert _said(_alert(severity=Severity.INFO), stuck) is None


def test_the_least_of_several_thresholds_is_what_is_looked_for() -> None:
    merchant = uuid4()
    own = [
        HeldRule("a", AlertKind.FINDING, least={"BRL": 500}),
        HeldRule("b", AlertKind.FINDING, least={"BRL": 300, "USD": 7}),
        HeldRule("c", AlertKind.APPROVAL_WAITING, hours=4),
    ]
    found = rules.thresholds({merchant: own})
    assert found.amounts[:3] == ([merchant, merchant], ["BRL", "USD"], [300, 7])
    assert found.hours == ([merchant], [4], rules.WAITING_HOURS)


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.parametrize("kind", list(AlertKind))
def test_every_kind_is_said_whole_in_every_language_and_nothing_that_others_named_is_markup(
    kind: AlertKind, language: str
) -> None:
    facts = {"balance": 12_345, "currency": "BRL", "day": "2026-11-29", "due": "2026-12-01", "usual": 7, "why": "gone."}
    alert = _alert(kind, facts={**facts, "said": FindingKind.AMOUNT_MISMATCH.value}, acknowledged_at=None)
    reader = AlertReader(language, "Loja [x](http://evil)", ZONE, "https://estorno.example")
    for what in What:
        alert.resolved_at = NOON if what is What.RESOLVED else None
        told = words.section(alert, what, reader, "pix **itau** <@all>", 15)
        whole = words.text([told]) + words.markdown([told, told], reader) + words.heading([told, told], reader)
        assert "{" not in whole
        assert "<@all>" not in whole
        assert "](http://evil" not in whole
        assert f"https://estorno.example/console/news/alerts/{alert.id}" in whole
    shown = words.says(alert, reader, "pix")
    if "{money}" in kinds.known(kind).says[language]:
        assert "450" in shown
        assert "1" in shown
    assert kinds.known(kind).action[language].strip()
    assert words.runbook(kind).startswith("docs/runbooks.md#")


@pytest.mark.parametrize("kind", list(AlertKind))
def test_one_is_not_told_as_several(kind: AlertKind) -> None:
    facts = {"balance": 1, "currency": "BRL", "day": "2026-11-29", "due": "2026-12-01", "usual": 7, "why": "gone"}
    alert = _alert(kind, facts=facts, count=1)
    for language in ("en", "es", "pt-BR"):
        said = words.says(alert, AlertReader(language, "x", ZONE, ""), "pix")
        assert not re.search(
            r"\b1 (refund|finding|date|violation|reembolso|hallazgo|fecha|estorno|apontamento|data)s\b", said
        )
    if kind is AlertKind.REFUND_FAILED:
        said = words.says(alert, AlertReader("en", "x", ZONE, ""), "pix")
        assert said.endswith(": the PSE has refused it, and the customer has not got their money.")


def test_an_amount_is_written_as_the_language_and_the_currency_have_it() -> None:
    def told(language: str) -> str:
        return words.sums({"BRL": 45_000, "CLP": 1_050}, AlertReader(language, "x", ZONE, "")).replace("\xa0", " ")

    assert told("pt-BR") == "R$ 450,00 + CLP 1.050"
    assert told("en") == "R$450.00 + CLP1,050"
    assert words.moment(NOON, AlertReader("en", "x", ZONE, "")).replace("\u202f", " ") == "11/27/26, 12:02 PM (-03)"
    assert words.moment(None, AlertReader("en", "x", ZONE, "")) == "–"


def test_quiet_hours_within_one_day_end_that_day() -> None:
    lunch = HeldRule("REFUND_STUCK", AlertKind.REFUND_STUCK, quiet=(time(12), time(14)))
    found = rules.due(lunch, Severity.WARNING, NOON, ZONE)
    assert found == datetime(2026, 11, 27, 17, 0, tzinfo=UTC)
