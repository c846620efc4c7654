"""The link in a mail: looking changes nothing, one click ends it, and what is critical is told all the same."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from domain.access.tokens import Role
from domain.alerts import digest, leaving, plan, rules, tell
from domain.alerts.plan import Reached
from domain.deliveries.channels.channel import Message
from domain.deliveries.endpoints import EndpointChange, NewEndpoint, change, create, delete
from domain.models import Alert, Deed, Endpoint
from domain.models.alerts import AlertKind, Severity, What
from domain.models.deliveries import EndpointKind
from tests.api.conftest import Asker, Enter
from tests.kit.alerts import an_alert
from tests.kit.factories import CAUSE, KEY, a_person
from tests.kit.world import quick_settings

SETTINGS = quick_settings(public_url="https://refunds.example.com")


async def _mailbox(asker: Asker, name: str = "desk") -> Endpoint:
    new = NewEndpoint(EndpointKind.EMAIL, name, f"{name}@shop.example", options={"language": "es"})
    return (await create(a_person(asker.shop, "dev", Role.ADMIN), new, KEY, CAUSE)).endpoint


def _message(*kinds: AlertKind) -> Message:
    told = [{"id": "1", "kind": one.value, "what": "OPENED"} for one in kinds]
    return Message("alert_1", tell.OPENED, "t", "x", data={"alerts": told}, language="es")


def _path(endpoint: Endpoint, message: Message) -> str:
    link = leaving.link(endpoint, message, SETTINGS)
    assert link is not None
    assert link.startswith("https://refunds.example.com/unsubscribe/")
    assert len(link) < 900, "A header of mail is not folded."
    return link.removeprefix("https://refunds.example.com")


async def _left(endpoint: Endpoint) -> list[str] | None:
    return (await Endpoint.get(id=endpoint.id)).left_kinds


async def test_a_reader_looks_and_leaves_and_a_person_has_it_told_again(enter: Enter) -> None:
    asker = await enter(Role.ADMIN)
    box = await _mailbox(asker)
    path = _path(box, _message(AlertKind.REFUND_FAILED, AlertKind.FINDING))
    url, http = asker.url + path, asker.http
    for _ in range(2):  # a scanner, and the reader
        page = await http.get(url, headers={"accept-language": ""})
        assert (page.status_code, 'lang="es"' in page.text, "<form" in page.text) == (200, True, True)
        assert "desk@shop.example" in page.text
        assert await _left(box) is None
    assert "停止接收此类消息" in (await http.get(f"{url}?lang=zh-CN")).text
    clicked = {"content-type": "application/x-www-form-urlencoded"}
    for _ in range(2):  # RFC 8058, and once more
        done = await http.post(url, content="List-Unsubscribe=One-Click", headers=clicked)
        assert (done.status_code, "<form" in done.text) == (200, False)
        assert await _left(box) == ["FINDING", "REFUND_FAILED"]
    deed = await Deed.get(merchant_id=asker.shop.id, operation=leaving.LEAVE)
    assert (deed.actor, deed.object_id) == (leaving.READER, str(box.id))
    person = a_person(asker.shop, "dev", Role.ADMIN)
    await change(person, box.id, EndpointChange(rejoin=True), KEY, CAUSE)
    assert await _left(box) is None


async def test_what_is_critical_says_that_no_link_ends_it(enter: Enter) -> None:
    asker = await enter(Role.ADMIN)
    box = await _mailbox(asker)
    alone = asker.url + _path(box, _message(AlertKind.PSE_DOWN, AlertKind.INVARIANT_BROKEN))
    for answer in (await asker.http.get(alone), await asker.http.post(alone)):
        assert (answer.status_code, "<form" in answer.text) == (200, False)
        assert "cannot be stopped" in answer.text or "no se puede detener" in answer.text
    assert await _left(box) is None
    mixed = asker.url + _path(box, _message(AlertKind.PSE_DOWN, AlertKind.FINDING))
    assert "no se puede detener" in (await asker.http.post(mixed, headers={"accept-language": "es"})).text
    assert await _left(box) == ["FINDING"]


async def test_a_link_that_was_changed_or_whose_mailbox_is_gone_ends_nothing(enter: Enter) -> None:
    asker, other = await enter(Role.ADMIN), await enter(Role.ADMIN)
    box, theirs = await _mailbox(asker), await _mailbox(other)
    path = _path(box, _message(AlertKind.FINDING))
    strange = _path(theirs, _message(AlertKind.FINDING))
    forged = [
        path.replace("FINDING", "REFUND_STUCK"), path.replace(box.id.hex, theirs.id.hex), path[:-1], f"{path}A",
        "/unsubscribe/x", "/unsubscribe/..", f"/unsubscribe/{'a' * 5_000}", "/unsubscribe/%C3%A9.en.FINDING.x",
    ]  # fmt: skip
    for one in forged:
        assert (await asker.http.post(asker.url + one)).status_code in (404, 410), one
    await delete(a_person(other.shop, "dev", Role.ADMIN), theirs.id, CAUSE)
    assert (await asker.http.post(asker.url + strange)).status_code == 410
    assert (await _left(box), await _left(theirs)) == (None, None)
    assert leaving.link(box, replace(_message(), type="estorno.test"), SETTINGS) is None
    assert leaving.link(replace_kind(box), _message(AlertKind.FINDING), SETTINGS) is None
    assert leaving.link(box, Message("d", digest.TYPE, "t", "x"), SETTINGS) is not None


async def test_who_reads_a_mailbox_no_more_ends_nothing_for_the_one_that_took_its_place(enter: Enter) -> None:
    asker = await enter(Role.ADMIN)
    box, person = await _mailbox(asker), a_person(asker.shop, "dev", Role.ADMIN)
    url = asker.url + _path(box, _message(AlertKind.FINDING))
    await change(person, box.id, EndpointChange(url="new@shop.example"), KEY, CAUSE)
    assert [(await asker.http.get(url)).status_code, (await asker.http.post(url)).status_code] == [410, 410]
    assert await _left(box) is None
    own = asker.url + _path(await Endpoint.get(id=box.id), _message(AlertKind.FINDING))
    assert (await asker.http.post(own)).status_code == 200
    # What a reader has left, another reader has not.
    await change(person, box.id, EndpointChange(url="third@shop.example"), KEY, CAUSE)
    assert await _left(box) is None


def replace_kind(box: Endpoint) -> Endpoint:
    """The same, as if it were a robot: nothing of one has a link."""
    return Endpoint(id=box.id, merchant_id=box.merchant_id, kind=EndpointKind.SLACK)


async def test_what_was_left_is_told_to_the_others_and_what_has_become_critical_to_all(enter: Enter) -> None:
    shop = (await enter(Role.ADMIN)).shop
    alert: Alert = await an_alert(shop)
    alert.kind, alert.severity, alert.connection_id = AlertKind.FINDING, Severity.WARNING, None
    left, other = Reached(alert.id, True, frozenset({"FINDING"})), Reached(shop.id, True)
    now = datetime.now(UTC)

    def told() -> set[object]:
        found = plan.said(alert, [], (), [left, other], frozenset(), now, ZoneInfo("UTC"))
        return set() if found is None else set(found.due)

    assert told() == {other.id}
    alert.severity = Severity.CRITICAL
    assert told() == {left.id, other.id}
    alert.severity, alert.resolved_at, alert.told_at = Severity.WARNING, now, now
    found = plan.said(alert, [], (), [left, other], frozenset({left.id, other.id}), now, ZoneInfo("UTC"))
    assert found is not None
    assert (found.what, set(found.due)) == (What.RESOLVED, {other.id})
    assert rules.default(AlertKind.FINDING).weight is Severity.WARNING
