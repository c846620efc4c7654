"""Endpoints and deliveries through the API: made, changed, tried out, sent again, and never another merchant's."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.access.permissions import Permission
from domain.access.principal import Principal, reach_of
from domain.access.tokens import Role
from domain.deliveries import endpoints, find
from domain.deliveries.channels.channel import Message
from domain.deliveries.endpoints import EndpointChange, NewEndpoint
from domain.deliveries.find import Wanted
from domain.deliveries.opened import address_of
from domain.deliveries.post import post
from domain.findings import findings
from domain.models import AlertRule, Deed, Delivery, DeliveryTry, Endpoint
from domain.models.deliveries import EndpointKind
from domain.problems import Forbidden
from domain.pse.vocabulary import Declined
from jobs import deliveries
from jobs.deliveries import Tools
from jobs.wire.abroad import Abroad
from tests.domain.deliveries.places import made
from tests.domain.history.test_sealed_news import a_found
from tests.kit.factories import CAUSE, KEY, Shop, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.receiver import receiving

pytestmark = pytest.mark.usefixtures("books")
FIELDS = "id name kind address types thin perMinute state why position failures pending oldSecretUntil storeId"
ERRORS = "errors { __typename ... on Error { code message path } }"
CREATE = f"mutation ($input: EndpointCreateInput!) {{ endpointCreate(input: $input) {{ endpoint {{ {FIELDS} }} secret {ERRORS} }} }}"  # noqa: E501
CHANGE = f"mutation ($input: EndpointChangeInput!) {{ endpointChange(input: $input) {{ endpoint {{ {FIELDS} }} secret {ERRORS} }} }}"  # noqa: E501
ROTATE = f"mutation ($input: EndpointRotateSecretInput!) {{ endpointRotateSecret(input: $input) {{ endpoint {{ {FIELDS} }} secret {ERRORS} }} }}"  # noqa: E501
REPLAY = f"mutation ($input: DeliveryReplayInput!) {{ deliveryReplay(input: $input) {{ count isWhole {ERRORS} }} }}"
LIST = """query ($filter: DeliveryFilter) { deliveries(first: 50, filter: $filter) { edges { node {
  messageId type state position orderingKey sequence tries round said body
  log { number outcome status said body } } } } }"""
TEST = (
    f"mutation ($input: EndpointTestInput!) {{ endpointTest(input: $input) {{ delivery {{ messageId }} {ERRORS} }} }}"
)
EVERY = f"{{ endpoints(first: 10) {{ edges {{ node {{ {FIELDS} }} }} }} eventTypes {{ name object description }} }}"


@pytest.fixture
async def abroad() -> AsyncIterator[Abroad]:
    made = Abroad()
    yield made
    await made.close()


class Asking:
    """Somebody of a shop who asks."""

    def __init__(self, shop: Shop, role: Role = Role.DEVELOPER) -> None:
        self.shop, self.role = shop, role

    async def __call__(self, document: str, **variables: Any) -> Any:
        from api.graphql.context import Context
        from api.graphql.schema import make
        from api.graphql.transport.feeds import Feeds
        from api.graphql.transport.follow import Waker
        from tests.kit.world import quick_settings

        waker = Waker("redis://127.0.0.1:1")
        who = a_person(self.shop, "Ana", self.role)
        context = Context(who, "request", quick_settings(secret_key=KEY), waker, Feeds(waker))
        found = await make().execute(document, variable_values=variables, context_value=context)
        assert not found.errors, found.errors
        return found.data


async def test_an_endpoint_is_made_told_tried_out_looked_at_and_told_again(abroad: Abroad) -> None:
    shop = await a_shop()
    ask = Asking(shop)
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    await an_answer(refund, Declined("NO", "no"))
    async with receiving() as server:
        given = {"name": "orders", "url": server.url("/hidden/path-of-it"), "types": ["refund.*"], "behind": "0"}
        done = (await ask(CREATE, input=given))["endpointCreate"]
        assert done["errors"] == []
        assert done["secret"].startswith("whsec_")
        assert "path-of" not in done["endpoint"]["address"]
        endpoint_id = done["endpoint"]["id"]
        (again,) = (await ask(CREATE, input=given))["endpointCreate"]["errors"]
        assert again["path"] == ["input", "name"], "A click that comes twice makes one endpoint."
        row = await Endpoint.get(id=endpoint_id)
        await made(shop, row.id)
        await deliveries.deliver(row.id, Tools(abroad, KEY))
        every = await ask(EVERY)
        assert done["secret"] not in str(every)
        assert "secret" not in every["endpoints"]["edges"][0]["node"]
        assert {one["name"] for one in every["eventTypes"]} >= {"refund.success", "estorno.test"}
        (failed,) = (await ask(LIST, filter={"types": ["refund.failed"]}))["deliveries"]["edges"]
        node = failed["node"]
        assert node["state"] == "SENT"
        assert '"code":"NO"' in node["body"]
        assert [one["outcome"] for one in node["log"]] == ["SENT"]
        wanted = {"endpointId": endpoint_id, "messageIds": [node["messageId"]]}
        assert (await ask(REPLAY, input=wanted))["deliveryReplay"] == {"count": 1, "isWhole": True, "errors": []}
        await deliveries.deliver(row.id, Tools(abroad, KEY))
        of_refund = (await ask(LIST, filter={"orderingKey": f"refund/{refund.id}"}))["deliveries"]["edges"]
        assert len(of_refund) == await Delivery.filter(endpoint_id=row.id).count()
        same = next(one["node"] for one in of_refund if one["node"]["messageId"] == node["messageId"])
        assert (same["round"], len(same["log"])) == (1, 2)
        ids = [one.headers["webhook-id"] for one in server.took]
        assert ids.count(node["messageId"]) == 2


async def test_what_cannot_be_is_said_in_plain_words_and_changes_nothing() -> None:
    shop = await a_shop()
    ask = Asking(shop)
    good = {"name": "x", "url": "https://shop.example.com/hooks", "types": ["*"]}
    for wrong, path in (
        ({"types": ["refund.sucess"]}, "types"),
        ({"types": []}, "types"),
        ({"url": "http://shop.example.com/"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "https://user:word@shop.example.com/"}, "url"),
        ({"url": f"https://shop.example.com/{'a' * 2_000}"}, "url"),
        ({"secret": "whsec_c2hvcnQ="}, "secret"),
        ({"name": ""}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"perMinute": 0}, "perMinute"),
        ({"behind": "-1"}, "behind"),
        ({"kind": "SLACK"}, "types"),
        ({"kind": "EMAIL", "types": [], "url": "ana@shop.example\r\nBcc: x@y.z"}, "url"),
    ):
        (said,) = (await Asking(shop, Role.ADMIN)(CREATE, input={**good, **wrong}))["endpointCreate"]["errors"]
        assert said["path"] == ["input", path], (wrong, said)
        assert "c2hvcnQ" not in said["message"]
    (said,) = (await ask(CREATE, input=good))["endpointCreate"]["errors"]
    assert said["code"] == "FORBIDDEN", "What people do is told to whoever may read the audit log."
    assert await Endpoint.all().count() == 0


async def test_nobody_is_told_or_shown_by_an_endpoint_what_they_may_not_read() -> None:
    shop = await a_shop()
    developer, admin = Asking(shop), Asking(shop, Role.ADMIN)
    given = {"name": "all", "url": "https://shop.example.com/hooks", "types": ["*"], "behind": "0"}
    for types in (["*"], ["finding.opened"], ["night.*"], ["deed.read"]):
        (said,) = (await developer(CREATE, input={**given, "types": types}))["endpointCreate"]["errors"]
        assert said["code"] == "FORBIDDEN", types
    endpoint = (await admin(CREATE, input=given))["endpointCreate"]["endpoint"]["id"]
    await findings.open_findings([a_found(shop, "one")])
    await made(shop, (await Endpoint.get(id=endpoint)).id)
    moved = await developer(CHANGE, input={"endpointId": endpoint, "url": "https://evil.example.com/"})
    assert moved["endpointChange"]["errors"][0]["code"] == "FORBIDDEN"
    seen = {one["node"]["type"] for one in (await developer(LIST, filter={}))["deliveries"]["edges"]}
    whole = {one["node"]["type"] for one in (await admin(LIST, filter={}))["deliveries"]["edges"]}
    assert whole >= {"finding.opened", "deed.change"}
    assert not any(one.startswith(("finding.", "night.", "deed.")) for one in seen)


async def test_who_reads_one_store_alone_is_told_no_sums_of_all_by_a_channel() -> None:
    shop = await a_shop()
    reach = reach_of((frozenset({Permission.MANAGE_NEWS}), None), (frozenset({Permission.READ}), shop.store.id))
    clerk = Principal(uuid4(), shop.id, "clerk", reach, datetime.now(UTC) + timedelta(hours=1))
    new = NewEndpoint(EndpointKind.EMAIL, "desk", "clerk@shop.example")
    with pytest.raises(Forbidden, match="READ"):
        await endpoints.create(clerk, new, KEY, CAUSE)
    desk = (await endpoints.create(a_person(shop, "dev", Role.DEVELOPER), new, KEY, CAUSE)).endpoint
    with pytest.raises(Forbidden, match="READ"):
        await endpoints.change(clerk, desk.id, EndpointChange(url="other@shop.example"), KEY, CAUSE)
    await post(desk, Message("digest_1", "alert.digest", "Yesterday", "BRL 1,000.00 left."))
    seen = [await find.deliveries(one, Wanted()).count() for one in (clerk, a_person(shop, "dev", Role.DEVELOPER))]
    assert seen == [0, 1]


async def test_an_address_on_another_host_gets_another_secret_and_one_on_the_same_keeps_it() -> None:
    shop = await a_shop()
    ask = Asking(shop)
    given = {"name": "x", "url": "https://shop.example.com/hooks", "types": ["refund.*"]}
    endpoint = (await ask(CREATE, input=given))["endpointCreate"]["endpoint"]["id"]
    same = (await ask(CHANGE, input={"endpointId": endpoint, "url": "https://shop.example.com/other"}))[
        "endpointChange"
    ]
    assert same["secret"] is None
    other = (await ask(CHANGE, input={"endpointId": endpoint, "url": "https://evil.example.com/"}))["endpointChange"]
    assert other["secret"].startswith("whsec_")


async def test_a_robots_secret_and_options_are_changed_where_it_stands_and_its_id_and_rules_stay() -> None:
    shop = await a_shop()
    ask = Asking(shop, Role.ADMIN)
    robot = "https://oapi.dingtalk.com/robot/send?access_token=t1"
    options = [{"name": "language", "value": "es"}, {"name": "keyword", "value": "Estorno"}]
    given = {"kind": "DINGTALK", "name": "group", "url": robot, "secret": "SEC-old", "options": options}
    endpoint = (await ask(CREATE, input=given))["endpointCreate"]["endpoint"]["id"]
    ruled = "mutation ($input: AlertRuleSetInput!) { alertRuleSet(input: $input) { rule { endpointIds } } }"
    await ask(ruled, input={"kind": "REFUND_STUCK", "endpointIds": [endpoint]})
    said = (await ask(ROTATE, input={"endpointId": endpoint, "secret": "SEC-new"}))["endpointRotateSecret"]
    assert (said["errors"], said["secret"], said["endpoint"]["oldSecretUntil"]) == ([], None, None)
    new = [{"name": "language", "value": "zh-CN"}, {"name": "keyword", "value": ""}]
    assert (await ask(CHANGE, input={"endpointId": endpoint, "options": new}))["endpointChange"]["errors"] == []
    row = await Endpoint.get(id=endpoint)
    address = await address_of(row, KEY)
    assert (address.url, address.secrets, address.options) == (robot, ("SEC-new",), {"language": "zh-CN"})
    assert await AlertRule.filter(merchant_id=shop.id, ended_at=None, endpoint_ids__contains=[row.id]).count() == 1
    deeds = await Deed.filter(object_id=endpoint, operation__in=["endpointRotateSecret", "endpointChange"])
    assert len(deeds) == 2
    assert not any("SEC-" in str(one.changes) or "Estorno" in str(one.changes) for one in deeds)
    assert (await ask(ROTATE, input={"endpointId": endpoint, "secret": ""}))["endpointRotateSecret"]["errors"] == []
    assert (await address_of(await Endpoint.get(id=endpoint), KEY)).secrets == ()


async def test_a_secret_or_option_that_the_channel_does_not_know_is_refused_and_nothing_changes() -> None:
    shop = await a_shop()
    ask = Asking(shop, Role.ADMIN)
    mail = {"kind": "EMAIL", "name": "desk", "url": "desk@shop.example"}
    desk = (await ask(CREATE, input=mail))["endpointCreate"]["endpoint"]["id"]
    pager = {"kind": "PAGERDUTY", "name": "pager", "url": "https://events.pagerduty.com/v2/enqueue", "secret": "R" * 32}
    pages = (await ask(CREATE, input=pager))["endpointCreate"]["endpoint"]["id"]
    for which, secret in ((desk, "SEC"), (pages, None), (pages, ""), (pages, "a\nb"), (pages, "x" * 501)):
        (said,) = (await ask(ROTATE, input={"endpointId": which, "secret": secret}))["endpointRotateSecret"]["errors"]
        assert said["code"] == "INVALID_INPUT", secret
    for name, value in (("lanugage", "es"), ("language", "fr"), ("keyword", "x"), ("language", "e\u202es")):
        wrong = {"endpointId": desk, "options": [{"name": name, "value": value}]}
        (said,) = (await ask(CHANGE, input=wrong))["endpointChange"]["errors"]
        assert said["path"] == ["input", "options"], name
    (said,) = (await ask(CREATE, input={**mail, "name": "two", "options": wrong["options"]}))["endpointCreate"][
        "errors"
    ]
    assert said["path"] == ["input", "options"]
    assert (await address_of(await Endpoint.get(id=pages), KEY)).secrets == ("R" * 32,)


async def test_another_merchants_endpoints_and_deliveries_do_not_exist(abroad: Abroad) -> None:
    shop, other = await a_shop(), await a_shop(name="Other")
    mine, theirs = Asking(shop, Role.ADMIN), Asking(other, Role.ADMIN)
    given = {"name": "x", "url": "http://127.0.0.1:1/hooks", "types": ["estorno.test"]}
    endpoint = (await theirs(CREATE, input=given))["endpointCreate"]["endpoint"]["id"]
    message = (await theirs(TEST, input={"endpointId": endpoint}))["endpointTest"]["delivery"]["messageId"]
    await deliveries.deliver((await Endpoint.get(id=endpoint)).id, Tools(abroad, KEY))
    assert await DeliveryTry.all().count() == 1
    names: dict[str, dict[str, Any]] = {
        "Change": {}, "RotateSecret": {}, "Test": {}, "Pause": {"why": "x"}, "Resume": {"missed": True}, "Delete": {},
    }  # fmt: skip
    for name, more in names.items():
        what = "delivery { messageId }" if name == "Test" else "endpoint { id }"
        document = f"mutation ($input: Endpoint{name}Input!) {{ endpoint{name}(input: $input) {{ {what} {ERRORS} }} }}"
        answer = (await mine(document, input={"endpointId": endpoint, **more}))[f"endpoint{name}"]
        assert answer["errors"][0]["code"] == "NOT_FOUND", name
    for wanted in ({"messageIds": [message]}, {"behind": "0"}, {"states": ["PENDING"]}):
        (said,) = (await mine(REPLAY, input={"endpointId": endpoint, **wanted}))["deliveryReplay"]["errors"]
        assert said["code"] == "NOT_FOUND"
    for seen in ({"endpointId": endpoint}, {"messageId": message}, {}):
        assert (await mine(LIST, filter=seen))["deliveries"]["edges"] == []
    assert await mine("query ($id: ID!) { endpoint(id: $id) { id } }", id=endpoint) == {"endpoint": None}
    assert (await mine(EVERY))["endpoints"]["edges"] == []
    assert (await Endpoint.get(id=endpoint)).state == "ACTIVE"
