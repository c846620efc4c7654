"""The audit log and the access review over the schema: who reads them, what stands in them, and what never does."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from strawberry.relay import to_base64

from api.graphql.context import Context
from api.graphql.transport.feeds import Feeds
from api.graphql.transport.follow import Waker
from domain.access import people, review, sessions, tokens
from domain.access.permissions import PERMISSIONS, Permission, Role
from domain.access.policies import POLICIES, READ_LISTS
from domain.access.principal import Principal, reach_of
from domain.cause import Cause, Doer
from domain.deeds import deeds
from domain.history import log, seals
from domain.history.log import WantedHistory
from domain.models import Deed, EventSeal, Person
from domain.platform.database import rows, transaction
from domain.refunds.approvals import delegate, propose
from domain.refunds.approvals.propose import Proposal
from domain.refunds.approvals.rules import Need, Rule, Step, When
from tests.api.graphql.access.stage import SCHEMA, plain
from tests.kit.factories import CAUSE, KEY, SECRETS, OwnerRows, Shop, a_key, a_payment, a_refund, a_shop
from tests.kit.world import quick_settings

pytestmark = pytest.mark.usefixtures("books")
LOG = """query Log($first: Int!, $after: String, $filter: AuditFilter) {
  auditLog(first: $first, after: $after, filter: $filter) { totalCount totalCountExceeded
    edges { cursor node { position hash kind operation objectKind objectId actor tokenId address requestId outcome
      occurredAt changes { name before after } } }
    pageInfo { hasNextPage endCursor } } }"""
REVIEW = """{ accessReview { digest count holders(first: 50) { kind name permissions flags lastUsedAt
  grants(first: 10) { role storeCode since by } } } }"""
SIGN = """mutation Sign($input: AccessReviewSignInput!) { accessReviewSign(input: $input) {
  review { count } errors { ... on Error { code message } } } }"""
CALLS = "query Calls($id: ID!) { refund(by: {id: $id}) { calls { id } webhooks { id } } }"
PEOPLE = "{ people(first: 10) { edges { node { id } } } }"


def _later() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def _who(shop: Shop, *permissions: Permission, name: str = "somebody") -> Principal:
    return Principal(uuid4(), shop.id, name, reach_of((frozenset(permissions), None)), _later())


async def _ask(who: Principal, document: str, **variables: Any) -> Any:
    waker = Waker("redis://127.0.0.1:1")
    context = Context(who, a_key(), quick_settings(secret_key=KEY), waker, Feeds(waker))
    return plain(await SCHEMA.execute(document, variable_values=variables, context_value=context))


async def _sealed() -> None:
    """Until all of this database is; tests beside this one write in the same server."""
    for _ in range(200):
        await seals.seal()
        left = await rows(
            "SELECT 1 AS one FROM deeds d WHERE NOT EXISTS (SELECT 1 FROM event_seals s WHERE s.deed_id = d.id) UNION "
            "ALL SELECT 1 FROM events e WHERE NOT EXISTS (SELECT 1 FROM event_seals s WHERE s.event_id = e.id) LIMIT 1"
        )
        if not left:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("Not everything could be sealed.")


async def _read(who: Principal, first: int = 100, **given: Any) -> list[dict[str, Any]]:
    answer = await _ask(who, LOG, first=first, filter=given or None)
    assert not answer["errors"], answer
    log = answer["data"]["auditLog"]
    assert (log["totalCount"], log["totalCountExceeded"]) == (len(log["edges"]), False)
    return [edge["node"] for edge in log["edges"]]


async def test_the_log_unites_deeds_and_the_events_that_people_caused_in_the_order_of_the_chain() -> None:
    shop = await a_shop()
    auditor = _who(shop, Permission.READ_AUDIT)
    boss = _who(shop, Permission.MANAGE_STORES, name="boss")
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    create = "mutation S($input: StoreCreateInput!) { storeCreate(input: $input) { errors { __typename } } }"
    await _ask(boss, create, input={"code": "rj", "name": "Rio", "idempotencyKey": a_key()})
    await _sealed()
    found = await _read(auditor)
    assert [(one["operation"], one["actor"]) for one in found] == [("storeCreate", "boss"), ("REQUESTED", "tester")]
    assert [int(one["position"]) for one in found] == [2, 1]
    assert {"name": "code", "before": "null", "after": '"rj"'} in found[0]["changes"]
    assert found[1]["objectId"] == str(refund.id)
    kept = await EventSeal.filter(merchant_id=shop.id).order_by("-position")
    assert [one["hash"] for one in found] == [seal.hash for seal in kept]


async def test_pages_go_on_where_they_ended_and_every_filter_finds_its_own() -> None:
    shop = await a_shop()
    auditor, token = _who(shop, Permission.READ_AUDIT), uuid4()
    ana = await Person.create(id=uuid4(), merchant_id=shop.id, name="Ana", email="Ana@Example.com", created_by="x")
    by_ana = Cause("r-ana", "Ana <Ana@Example.com>", by=Doer(person_id=ana.id, session_id=uuid4()))
    async with transaction():
        for number in range(5):
            await deeds.note(shop.id, "storeUpdate", deeds.Of("store", str(number)), by_ana)
        await deeds.note(shop.id, "roleSave", deeds.Of("role", "Night"), Cause("r", "robot", by=Doer(token)))
    await deeds.read(shop.id, "Refund.calls", "refund", [uuid4()], by_ana)
    await _sealed()
    whole = await _read(auditor)
    first = await _ask(auditor, LOG, first=3)
    page = first["data"]["auditLog"]
    second = await _ask(auditor, LOG, first=100, after=page["pageInfo"]["endCursor"])
    told = [edge["node"] for one in (page, second["data"]["auditLog"]) for edge in one["edges"]]
    assert (page["pageInfo"]["hasNextPage"], told) == (True, whole)
    assert page["totalCount"] == second["data"]["auditLog"]["totalCount"] == len(whole)
    assert await log.count(auditor, log.WantedHistory(), most=4) == 5  # and one more where there are more
    assert len(await _read(auditor, personId=str(ana.id))) == 6
    assert [one["operation"] for one in await _read(auditor, tokenId=str(token))] == ["roleSave"]
    assert [one["objectId"] for one in await _read(auditor, objectKind="store", objectId="3")] == ["3"]
    assert [one["operation"] for one in await _read(auditor, kinds=["READ"])][:1] == ["Refund.calls"]
    assert await _read(auditor, personId=str(uuid4())) == []
    hour = timedelta(hours=1)
    assert await _read(auditor, until=(datetime.now(UTC) - hour).isoformat()) == []
    assert len(await _read(auditor, since=(datetime.now(UTC) - hour).isoformat())) == len(whole)


async def test_what_a_person_did_to_refunds_is_found_by_who_they_are() -> None:
    shop = await a_shop()
    auditor = _who(shop, Permission.READ_AUDIT)
    ana, _ = await people.make(shop.id, "Ana", "ana@example.com", [("SUPPORT", None)], "tester")
    mine = await a_refund(shop, await a_payment(shop), 1_000)
    for actor in ("Ana <ana@example.com>", "Ana Lima <ANA@example.com>", "Bia <bia@example.com>", "ana@example.com"):
        await rows(
            "INSERT INTO events (merchant_id, refund_id, sequence, kind, state, request_id, actor, detail, occurred_at)"
            " SELECT $1, $2, max(sequence) + 1, 'NOTE', 'REQUESTED', 'r', $3, '{}', now() FROM events "
            "WHERE refund_id = $2",
            shop.id,
            mine.id,
            actor,
        )
    await _sealed()
    found = await _read(auditor, personId=str(ana.id))
    assert {one["actor"] for one in found} == {"Ana <ana@example.com>", "Ana Lima <ANA@example.com>"}
    assert len(await _read(auditor, objectKind="refund", objectId=str(mine.id))) == 5


@pytest.mark.parametrize("role", [role for role in Role if Permission.READ_AUDIT not in PERMISSIONS[role]])
async def test_no_role_but_the_auditors_and_the_administrators_reads_it_or_signs(role: Role) -> None:
    shop = await a_shop()
    for document in ("{ auditLog(first: 1) { edges { cursor } } }", "{ accessReview { digest } }"):
        answer = await _ask(_who(shop, *PERMISSIONS[role]), document)
        assert [one["code"] for one in answer["errors"]] == ["FORBIDDEN"]
    signed = await _ask(_who(shop, *PERMISSIONS[role]), SIGN, input={"digest": "x", "note": "All is well."})
    assert signed["data"]["accessReviewSign"]["errors"][0]["code"] == "FORBIDDEN"


async def test_who_may_read_it_in_one_store_only_reads_none_of_it() -> None:
    shop = await a_shop()
    local = replace(_who(shop), reach=reach_of((frozenset({Permission.READ_AUDIT}), shop.store.id)))
    for document in ("{ auditLog(first: 1) { edges { cursor } } }", "{ accessReview { digest } }"):
        assert [one["code"] for one in (await _ask(local, document))["errors"]] == ["FORBIDDEN"]


async def test_another_merchants_log_is_never_read_by_any_filter() -> None:
    shop, other = await a_shop(), await a_shop(name="Outra")
    theirs = await a_refund(other, await a_payment(other), 1_000)
    dora, _ = await people.make(other.id, "Dora", "dora@example.com", [("SUPPORT", None)], "tester")
    token = tokens.NewToken(other.id, "tester", [("SUPPORT", None)], _later(), "tester")
    await tokens.make(token)
    async with transaction():
        by = Cause("r", "Dora <dora@example.com>", by=Doer(token.id, dora.id))
        await deeds.note(other.id, "storeUpdate", deeds.Of("store", other.store.id), by)
    await _sealed()
    auditor = _who(shop, Permission.READ_AUDIT)
    asked: Iterable[dict[str, Any]] = (
        {},
        {"personId": str(dora.id)},
        {"tokenId": str(token.id)},
        {"objectKind": "refund", "objectId": str(theirs.id)},
        {"objectKind": "store", "objectId": str(other.store.id)},
        {"since": "2020-01-01T00:00:00Z"},
    )
    for given in asked:
        assert await _read(auditor, **given) == [], given


async def test_a_reader_of_call_logs_is_written_once_in_a_while_and_a_page_is_one_statement() -> None:
    shop = await a_shop()
    support = _who(shop, *PERMISSIONS[Role.SUPPORT])
    refunds = [await a_refund(shop, await a_payment(shop), 1_000) for _ in range(3)]
    for _ in range(3):
        for refund in refunds:
            answer = await _ask(support, CALLS, id=to_base64("Refund", str(refund.id)))
            assert not answer["errors"]
    found = await Deed.filter(merchant_id=shop.id, kind="READ")
    assert sorted((one.operation, one.object_id) for one in found) == sorted(
        (operation, str(refund.id)) for refund in refunds for operation in ("Refund.calls", "Refund.webhooks")
    )
    page = "{ refunds(first: 10) { edges { node { calls { id } } } } }"
    second = _who(shop, *PERMISSIONS[Role.SUPPORT], name="second")
    assert not (await _ask(second, page))["errors"]
    assert await Deed.filter(merchant_id=shop.id, actor="second").count() == 3
    assert len({one.request_id for one in await Deed.filter(actor="second")}) == 1


async def test_lists_of_people_and_the_log_itself_name_their_readers() -> None:
    shop = await a_shop()
    admin = _who(shop, *PERMISSIONS[Role.ADMIN])
    for document in (PEOPLE, PEOPLE, "{ auditLog(first: 1) { edges { cursor } } }", "{ accessReview { digest } }"):
        assert not (await _ask(admin, document))["errors"]
    told = [(one.operation, one.kind) for one in await Deed.filter(merchant_id=shop.id).order_by("id")]
    assert told == [("people", "READ"), ("auditLog", "READ"), ("accessReview", "READ")]


async def test_changes_of_a_rule_are_found_by_its_name_with_what_held_before(staffed: Shop) -> None:
    ana, bia = (_who(staffed, Permission.MANAGE_RULES, Permission.READ_AUDIT, name=name) for name in ("ana", "bia"))
    rule = Rule(When(amounts={"BRL": 900_000_000}), Need("LARGE_AMOUNT", "Our own.", (Step("APPROVE"),)))
    looser = Proposal(propose.APPROVAL, "LARGE_AMOUNT", rule=rule)
    first = await propose.propose(ana, looser, _by(ana))
    await propose.withdraw(bia, first.id, _by(bia))
    await propose.confirm(bia, (await propose.propose(ana, looser, _by(ana))).id, _by(bia))
    await propose.propose(ana, Proposal(propose.APPROVAL, "LARGE_AMOUNT"), _by(ana))  # only tightens: it ends at once
    await _sealed()
    found = await log.page(ana, WantedHistory(object_kind="approval rule", object_id="LARGE_AMOUNT"), None, 10)
    done = [(one.operation, one.actor, one.changes["state"]) for one in reversed(found)]
    assert done == [
        ("approvalRulePropose", "ana", [None, "WAITS"]),
        ("approvalRuleWithdraw", "bia", ["WAITS", "ENDED"]),
        ("approvalRulePropose", "ana", [None, "WAITS"]),
        ("approvalRuleConfirm", "bia", ["WAITS", "STANDS"]),
        ("approvalRuleEnd", "ana", [None, "STANDS"]),
    ]
    ended, confirmed = found[0].changes, found[1].changes
    assert confirmed["when"][1]["amounts"] == {"BRL": 900_000_000}
    assert confirmed["why"][1] == "Our own."
    assert (ended["when"], ended["why"]) == (confirmed["when"][::-1], confirmed["why"][::-1])  # the default again


async def test_a_right_that_is_lent_and_taken_back_is_found_by_its_id(staffed: Shop) -> None:
    lender = await Person.filter(merchant_id=staffed.id).order_by("created_at").first()
    assert lender is not None
    ana = replace(_who(staffed, Permission.APPROVE, Permission.READ_AUDIT, name="ana"), person_id=lender.id)
    other, _ = await people.make(staffed.id, "Caio", "caio@example.com", [(Role.SUPPORT.value, None)], "tester")
    starts = _later()
    lent = await delegate.delegate(ana, other.id, starts, starts + timedelta(days=1), _by(ana))
    for _ in range(2):  # the second one finds nothing to take back
        await delegate.revoke(ana, lent.id, _by(ana))
    await _sealed()
    found = await log.page(ana, WantedHistory(object_kind="delegation", object_id=str(lent.id)), None, 10)
    assert [one.operation for one in found] == ["approvalDelegationRevoke", "approvalDelegate"]
    told = found[1].changes
    assert told["lent_to"] == [None, "Caio <caio@example.com>"]
    assert told["ends_at"] == [None, (starts + timedelta(days=1)).isoformat()]
    assert found[0].changes == {name: pair[::-1] for name, pair in told.items()}


def _by(principal: Principal) -> Cause:
    return Cause(a_key(), principal.holder, principal.party)


async def test_refusals_are_written_and_a_flood_of_them_is_one_each() -> None:
    shop = await a_shop()
    nobody = _who(shop, Permission.READ)
    refund = to_base64("Refund", str((await a_refund(shop, await a_payment(shop), 1_000)).id))
    approve = "mutation A($input: RefundApproveInput!) { refundApprove(input: $input) { errors { __typename } } }"
    for _ in range(30):
        await _ask(nobody, PEOPLE)
        await _ask(nobody, CALLS, id=refund)
        await _ask(nobody, approve, input={"refundId": refund, "destinationFingerprint": "x"})
    found = await Deed.filter(merchant_id=shop.id)
    assert {(one.kind, one.outcome, one.actor) for one in found} == {("REFUSED", "FORBIDDEN", "somebody")}
    wanted = {"people", "Refund.calls", "Refund.webhooks", "refundApprove"}
    assert {one.operation for one in found} == wanted
    assert len(found) == len(wanted)


async def test_no_secret_that_is_given_is_ever_in_a_deed() -> None:
    shop = await a_shop()
    admin = _who(shop, *PERMISSIONS[Role.ADMIN], *PERMISSIONS[Role.PLATFORM_ADMIN])
    planted = {"client_secret": "planted-secret-1", "webhook_secret": "planted-secret-2"}
    fields = [{"name": name, "value": value} for name, value in planted.items()]
    replaced = (
        "mutation R($input: ConnectionSecretsInput!) { connectionSecretsReplace(input: $input) {"
        " errors { __typename } } }"
    )
    told = [await _ask(admin, replaced, input={"connectionId": str(shop.connection.id), "fields": fields})]
    made = "mutation T($input: TokenCreateInput!) { tokenCreate(input: $input) { secret errors { __typename } } }"
    given = {"name": "robot", "grants": [{"role": "SUPPORT"}], "idempotencyKey": a_key()}
    told.append(await _ask(admin, made, input=given))
    invite = (
        "mutation P($input: PersonInviteInput!) { personInvite(input: $input) { link { url } errors { code: "
        "__typename } } }"
    )
    told.append(await _ask(admin, invite, input={**given, "name": "Bia", "email": "b@example.com"}))
    register = "mutation M($input: PaymentRegisterInput!) { paymentRegister(input: $input) { errors { __typename } } }"
    payment = {"connectionId": str(shop.connection.id), "storeCode": "sp", "pseReference": f"E{a_key()}",
               "method": "PIX", "amount": {"minorUnits": "100", "currency": "BRL"},
               "capturedAt": "2026-01-02T03:04:05Z", "idempotencyKey": a_key(), "customerTaxId": "39053344705",
               "customerReference": "planted-customer"}  # fmt: skip
    told.append(await _ask(admin, register, input=payment))
    assert not [one for one in told if one["errors"] or next(iter(one["data"].values()))["errors"]], told
    written = json.dumps([{**row, "xact": None} for row in await rows("SELECT * FROM deeds")], default=str)
    link = told[2]["data"]["personInvite"]["link"]["url"].rsplit("/", 1)[1]
    secret = told[1]["data"]["tokenCreate"]["secret"]
    for one in (*planted.values(), *SECRETS.values(), secret, link, "39053344705", "planted-customer"):
        assert one not in written, one
    assert "client_secret" in written  # which ones were replaced stands there


async def test_a_hostile_header_is_kept_harmless_and_short() -> None:
    shop = await a_shop()
    by = Doer(uuid4(), address="203.0.113.9" * 20, agent="=cmd|' /C calc'!A0\x00\x1b[31m" * 50)
    async with transaction():
        await deeds.note(shop.id, "x", deeds.Of("store", "1"), Cause("r", "robot", by=by))
    (deed,) = await Deed.filter(merchant_id=shop.id)
    assert deed.agent is not None
    assert (len(deed.agent), deed.agent.isprintable(), len(deed.address or "")) == (200, True, 64)


@pytest.fixture
async def staffed() -> Shop:
    shop = await a_shop()
    await people.make(shop.id, "Ana", "ana@example.com", [("ADMIN", None)], "tester")
    bia, _ = await people.make(shop.id, "Bia", "bia@example.com", [("APPROVER", shop.store.id)], "Ana")
    await sessions.begin(bia.id, 3600)
    soon = datetime.now(UTC) + timedelta(days=3)
    await tokens.make(tokens.NewToken(shop.id, "robot", [("REQUESTER", None)], soon, "robot", created_by="Ana"))
    return shop


async def test_the_review_says_who_may_do_what_since_when_and_what_is_odd(staffed: Shop, owner_rows: OwnerRows) -> None:
    await owner_rows("UPDATE tokens SET created_at = now() - interval '200 days'")
    answer = await _ask(_who(staffed, Permission.READ_AUDIT), REVIEW)
    seen = answer["data"]["accessReview"]
    ana, bia, robot = seen["holders"]
    assert (seen["count"], ana["name"], robot["kind"]) == (3, "Ana <ana@example.com>", "TOKEN")
    assert {"REQUESTS_AND_APPROVES", "CONNECTS_AND_REVIEWS"} <= set(ana["flags"])
    assert (bia["flags"], bia["grants"][0]["storeCode"], bia["grants"][0]["by"]) == ([], "sp", "Ana")
    assert bia["lastUsedAt"] is not None
    assert set(robot["flags"]) == {"UNUSED", "EXPIRES_SOON"}


async def test_a_person_signs_what_they_saw_a_program_does_not_and_a_change_meanwhile_refuses(staffed: Shop) -> None:
    auditor = _who(staffed, Permission.READ_AUDIT, name="Vera")
    digest = (await _ask(auditor, REVIEW))["data"]["accessReview"]["digest"]
    program = tokens.NewToken(staffed.id, "bot", [("AUDITOR", None)], _later(), "bot")
    await tokens.make(program)
    bot = replace(auditor, token_id=program.id, holder="bot")
    wanted = {"digest": digest, "note": "Ana keeps all; robot ends."}
    for who, code in ((bot, "FORBIDDEN"), (auditor, "INVALID_INPUT")):  # the bot's own token is new since
        signed = (await _ask(who, SIGN, input=wanted))["data"]["accessReviewSign"]
        assert [one["code"] for one in signed["errors"]] == [code]
    wanted["digest"] = (await review.of(staffed.id)).digest
    signed = (await _ask(auditor, SIGN, input=wanted))["data"]["accessReviewSign"]
    assert (signed["errors"], signed["review"]["count"]) == ([], 4)
    (deed,) = await Deed.filter(merchant_id=staffed.id, operation="accessReviewSign", kind="CHANGE")
    assert (deed.actor, deed.object_id, deed.changes["holders"]) == ("Vera", wanted["digest"], [None, 4])


async def test_the_range_of_time_finds_its_positions_by_halving(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    for number in range(9):
        async with transaction():
            await deeds.note(shop.id, "storeUpdate", deeds.Of("store", str(number)), CAUSE)
        await _sealed()
    await owner_rows("ALTER TABLE deeds DISABLE TRIGGER USER")
    await owner_rows(
        "UPDATE deeds SET occurred_at = now() - interval '90 days' + make_interval(days => object_id::int * 10)"
    )
    start = datetime.now(UTC) - timedelta(days=90)
    found = await log.entries(
        shop.id, WantedHistory(since=start + timedelta(days=15), until=start + timedelta(days=55)), None, 100
    )
    assert [one.object_id for one in found] == ["5", "4", "3", "2"]
    up = await log.entries(shop.id, WantedHistory(since=start + timedelta(days=15)), 4, 3, newest_first=False)
    assert [one.object_id for one in up] == ["4", "5", "6"]
    assert [one.object_id for one in await log.entries(shop.id, WantedHistory(), None, 100)] == ["8", "7", "6"]


# What takes a permission over secrets or people, and is read without a deed; why.
_RULES = "What holds for everybody who asks for a refund: no customer, no secret, nobody's right."
UNNOTED = {
    "usage": "Counts: no customer, no secret, nobody's right.",
    "usagePlans": "A table of the product's own.",
    "alertRules": "By which rules people are told: no customer, no secret, nobody's right.",
    "deliveries": "What our own servers are told: no customer, no secret.",
    "endpoint": "Where news goes: of an address only what one knows it by, no secret.",
    "endpoints": "As endpoint.",
    "approvalRuleChanges": _RULES,
    "approvalRules": _RULES,
    "batchLimits": _RULES,
    "certificationRuns": "What a test environment said: no customer, no secret.",
    "preflightRuns": "What a PSE said of the account: no customer, no secret.",
    "export": "What was asked for; asking and each download leave deeds.",
    "exports": "As `export`.",
    "findingLimits": _RULES,
    "reportSource": "Where a PSE lays its files: a host and its public key, no secret.",
    "settlementLimits": _RULES,
    "shopChecks": "What a shop said of our access: no customer, no secret.",
    "velocityCaps": _RULES,
}
SENSITIVE = {
    one for one in Permission if one.name.startswith(("MANAGE_", "REVIEW_", "READ_AUDIT", "READ_CALLS", "SETTLE_"))
}


def test_every_query_behind_a_sensitive_permission_is_noted_or_says_why_not() -> None:
    asked = {name for name, needed in POLICIES["Query"].items() if SENSITIVE & set(needed)}
    assert asked - set(UNNOTED) <= READ_LISTS, "Add it to policies.READ_LISTS, or say why not in UNNOTED."
    assert set(UNNOTED) <= asked
    assert set(POLICIES["Query"]) >= READ_LISTS
