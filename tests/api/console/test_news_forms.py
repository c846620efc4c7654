"""The forms of news: a channel is made and tested, an alert is taken on, a rule holds and ends."""

from domain.deliveries.opened import address_of
from domain.models import Alert, AlertRule, Delivery, Endpoint
from domain.models.alerts import AlertKind
from domain.models.deliveries import EndpointKind
from tests.api.console.conftest import Browser
from tests.kit.alerts import an_alert
from tests.kit.factories import KEY


async def test_a_channel_is_made_tested_paused_and_deleted(browser: Browser) -> None:
    old = {"kind": "TEAMS", "name": "Team", "url": "https://acme.webhook.office.com/webhookb2/1"}
    refused = await browser.send("/news/channels/new", "create", old)
    assert (refused.status_code, 'href="#create-url"' in refused.text) == (422, True)
    typed = {"kind": "EMAIL", "name": "Desk", "url": "desk@shop.example", "language": "zh-CN"}
    made = await browser.send("/news/channels/new", "create", typed)
    assert made.status_code == 303, made.text
    row = await Endpoint.get(merchant_id=browser.shop.id, name="Desk")
    assert row.kind is EndpointKind.EMAIL
    path = f"/news/channels/{row.id}"
    assert (await browser.send(path, "test", {})).status_code == 303
    assert await Delivery.filter(endpoint_id=row.id).count() == 1
    browser.http.cookies.set("estorno-language", "pt-BR")
    wrong = await browser.send("/news/channels/new", "create", {**typed, "url": "nobody"})
    assert ("Isto não é um endereço de e-mail" in wrong.text, "That is no" in wrong.text) == (True, False)
    browser.http.cookies.delete("estorno-language")
    unsaid = await browser.send(path, "pause", {"why": ""})
    assert (unsaid.status_code, unsaid.text.count('<details class="do" open>')) == (422, 1)
    assert (await browser.send(path, "pause", {"why": "We move."})).status_code == 303
    assert "We move." in await browser.page(path)
    assert (await browser.send(path, "resume", {"missed": "yes"})).status_code == 303
    moved = {"name": "Desk two", "url": "", "language": "es"}
    assert (await browser.send(path, "change", moved)).status_code == 303
    row = await Endpoint.get(id=row.id)
    to = await address_of(row, KEY)
    assert (row.name, to.url, to.options) == ("Desk two", "desk@shop.example", {"language": "es"})
    assert (await browser.send(path, "delete", {})).status_code == 303
    hook = {"kind": "WEBHOOK", "name": "Hook", "url": "https://shop.example.com/h", "types": ["refund.*"]}
    shown = await browser.send("/news/channels/new", "create", hook)
    assert (shown.status_code, "whsec_" in shown.text) == (200, True)
    assert "whsec_" not in await browser.page("/news/channels")
    hooked = await Endpoint.get(merchant_id=browser.shop.id, name="Hook")
    again = await browser.send(f"/news/channels/{hooked.id}", "secret", {"overlap": "yes"})
    assert (again.status_code, "whsec_" in again.text) == (200, True)
    assert (await Endpoint.get(id=hooked.id)).old_valid_until is not None
    robot = {"kind": "DINGTALK", "name": "Robot", "url": "https://oapi.dingtalk.com/robot/send?access_token=t"}
    assert (await browser.send("/news/channels/new", "create", {**robot, "keyword": "K"})).status_code == 303
    grouped = await Endpoint.get(merchant_id=browser.shop.id, name="Robot")
    path = f"/news/channels/{grouped.id}"
    assert (await browser.send(path, "secret", {"secret": "SEC-2"})).status_code == 303
    assert (await browser.send(path, "change", {"noKeyword": "yes"})).status_code == 303
    to = await address_of(await Endpoint.get(id=grouped.id), KEY)
    assert (to.secrets, "keyword" in to.options) == (("SEC-2",), False)


async def test_an_alert_is_put_off_and_taken_on_and_a_rule_of_ones_own_holds_until_it_ends(browser: Browser) -> None:
    alert = await an_alert(browser.shop)
    path = f"/news/alerts/{alert.id}"
    assert "pix-main does not answer" in await browser.page("/news")
    assert "Alerts that nobody has taken on" in await browser.page("")
    assert (await browser.send(path, "snooze", {"hours": "4"})).status_code == 303
    assert (await Alert.get(id=alert.id)).snoozed_until is not None
    assert (await browser.send(path, "acknowledge", {})).status_code == 303
    assert "Ana" in str((await Alert.get(id=alert.id)).acknowledged_by)
    assert "ana@example.com" not in (await browser.page(path)).split("<main", 1)[1]
    assert "Alerts that nobody has taken on" not in await browser.page("")
    typed = {"kind": "REFUND_STUCK", "mode": "DIGEST", "quietFrom": "", "quietUntil": ""}
    assert (await browser.send("/news/rules", "rule", typed)).status_code == 303
    rule = await AlertRule.get(merchant_id=browser.shop.id, ended_at=None)
    assert (rule.name, rule.mode, rule.quiet_from) == ("REFUND_STUCK", "DIGEST", None)
    rules = await browser.page("/news/rules")
    assert (">End<span" in rules, '"hidden"> REFUND_STUCK' in rules) == (True, False), "what is ended is told in words"
    wrong = await browser.send("/news/rules", "rule", {**typed, "quietFrom": "8pm", "quietUntil": "08:00"})
    assert wrong.status_code == 422
    assert (await browser.send("/news/rules", "end", {"name": "REFUND_STUCK"})).status_code == 303
    assert not await AlertRule.filter(merchant_id=browser.shop.id, ended_at=None).exists()


async def test_what_an_alert_is_about_is_called_as_people_find_it(browser: Browser) -> None:
    ending = {"kind": "token", "id": "1", "name": "est_Kq_8"}
    alert = await an_alert(browser.shop, kind=AlertKind.EXPIRING, connection_id=None, subjects=[ending])
    two = [{"kind": "finding", "id": str(number), "name": "BANK_INITIATED"} for number in (1, 2)]
    found = await an_alert(browser.shop, kind=AlertKind.FINDING, subjects=two, facts={"said": "BANK_INITIATED"})
    told = (await browser.page(f"/news/alerts/{found.id}")).split("<main", 1)[1]
    assert (told.count("kind=BANK_INITIATED"), ">BANK_INITIATED<" in told) == (1, False), "a kind once, by its name"
    page = await browser.page(f"/news/alerts/{alert.id}")
    assert "est_Kq_8" in page.split('class="sentence"', 1)[1].split("</p>", 1)[0]
