"""An account at a PSE from its application to the first refund, as two people do it; and what each of them may not."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.access.tokens import Role
from domain.cause import Cause
from domain.connections.connections import credentials_believed
from domain.models import Connection, OnboardingStep
from domain.models.applications import DocumentKind
from domain.models.connections import ConnectionState
from domain.onboarding import applications
from domain.platform.database import transaction
from tests.api.conftest import Asker, Enter
from tests.api.graphql.papers import get, upload
from tests.api.graphql.test_one_person_alone import a_signed_in, a_token
from tests.kit.factories import KEY, OwnerRows

FIELDS = {
    "client_id": "app",
    "base_url": "https://pix.example.com/api/v2",
    "token_url": "https://pix.example.com/oauth/token",
    "client_secret": "the-client-secret",
    "webhook_secret": "the-webhook-secret-of-32-characters",
}
TOLD = """application { id state nextStates missingDocuments submittedBy reviewedBy
  documents { kind file { id name mediaType size } } steps(first: 20) { fromState toState actor comment } }
  errors { __typename ... on Error { code message path } }"""


async def _do(asker: Asker, name: str, input: dict[str, Any], type_: str) -> Any:
    return await asker.ask(f"mutation M($input: {type_}!) {{ {name}(input: $input) {{ {TOLD} }} }}", input=input)


async def _create(asker: Asker, key: str | None = None, **changed: Any) -> Any:
    values = {**FIELDS, **changed.pop("values", {})}
    fields = [{"name": name, "value": value} for name, value in values.items() if value is not None]
    wanted = {"pse": "pix", "name": "Itaú", "storeCode": "sp", "fields": fields, "idempotencyKey": key or uuid4().hex}
    return await _do(asker, "connectionCreate", {**wanted, **changed}, "ConnectionCreateInput")


async def _step(asker: Asker, name: str, connection: str, comment: str | None = None, **more: Any) -> Any:
    type_ = "ConnectionReviewInput" if more else "ConnectionStepInput"
    return await _do(asker, name, {"connectionId": connection, "comment": comment, **more}, type_)


async def _hand_in_all(asker: Asker, connection: str) -> Any:
    told: Any = None
    for kind in DocumentKind:
        given = {"connectionId": connection, "kind": kind.value, "fileId": await upload(asker)}
        told = await _do(asker, "connectionDocumentHandIn", given, "ConnectionDocumentInput")
        assert told["errors"] == []
    return told


async def _submitted(asker: Asker) -> str:
    connection = str((await _create(asker))["application"]["id"])
    await _hand_in_all(asker, connection)
    assert (await _step(asker, "connectionSubmit", connection))["application"]["state"] == "SUBMITTED"
    return connection


async def test_two_people_take_an_account_from_draft_to_the_sandbox(enter: Enter) -> None:
    ana = await enter(Role.ADMINISTRATOR, holder="Ana")
    rui = await enter(Role.ADMINISTRATOR, ana.shop, "Rui")
    draft = (await _create(ana))["application"]
    assert (draft["state"], draft["nextStates"]) == ("DRAFT", ["SUBMITTED"])
    assert draft["missingDocuments"] == [kind.value for kind in DocumentKind]
    early = await _step(ana, "connectionSubmit", draft["id"])
    assert "BUSINESS_LICENCE, LEGAL_REPRESENTATIVE_ID" in early["errors"][0]["message"]
    whole = (await _hand_in_all(ana, draft["id"]))["application"]
    assert whole["missingDocuments"] == []
    assert {one["file"]["mediaType"] for one in whole["documents"]} == {"application/pdf"}
    await _step(ana, "connectionSubmit", draft["id"])
    own = await _step(ana, "connectionReview", draft["id"], decision="START")
    assert own["errors"][0]["code"] == "FORBIDDEN"
    await _step(rui, "connectionReview", draft["id"], decision="START")
    late = {"connectionId": draft["id"], "kind": "BANK_PROOF", "fileId": await upload(ana)}
    assert (await _do(ana, "connectionDocumentHandIn", late, "ConnectionDocumentInput"))["errors"][0]["code"] == (
        "INVALID_STATE"
    )
    silent = await _step(rui, "connectionReview", draft["id"], decision="ASK_FOR_MORE")
    assert silent["errors"][0]["path"] == ["input", "comment"]
    await _step(rui, "connectionReview", draft["id"], "The licence has expired.", decision="ASK_FOR_MORE")
    newer = {"connectionId": draft["id"], "kind": "BUSINESS_LICENCE", "fileId": await upload(ana)}
    documents = (await _do(ana, "connectionDocumentHandIn", newer, "ConnectionDocumentInput"))["application"]
    assert len(documents["documents"]) == len(DocumentKind)
    await _step(ana, "connectionSubmit", draft["id"])
    await _step(rui, "connectionReview", draft["id"], decision="START")
    done = (await _step(rui, "connectionReview", draft["id"], decision="APPROVE"))["application"]
    assert (done["state"], done["submittedBy"], done["reviewedBy"]) == ("SANDBOX", "ana", "rui")
    assert [(one["actor"], one["toState"], one["comment"]) for one in done["steps"]] == [
        ("Rui", "SANDBOX", None),
        ("Rui", "UNDER_REVIEW", None),
        ("Ana", "SUBMITTED", None),
        ("Rui", "DRAFT", "The licence has expired."),
        ("Rui", "UNDER_REVIEW", None),
        ("Ana", "SUBMITTED", None),
        ("Ana", "DRAFT", "Applied for."),
    ]


async def test_nobody_certifies_by_word_and_going_live_takes_another_person(enter: Enter) -> None:
    ana = await enter(Role.ADMINISTRATOR, holder="Ana")
    rui = await enter(Role.ADMINISTRATOR, ana.shop, "Rui")
    connection = await _submitted(ana)
    for decision in ("START", "APPROVE"):
        await _step(rui, "connectionReview", connection, decision=decision)
    early = await _step(rui, "connectionActivate", connection)
    assert (early["errors"][0]["code"], early["application"]) == ("INVALID_STATE", None)
    async with transaction():
        row = await Connection.filter(id=UUID(connection)).select_for_update().get()
        await applications.certified(row, Cause("certification", "certification"))
    own = await _step(ana, "connectionActivate", connection)
    assert own["errors"][0]["code"] == "FORBIDDEN"
    live = await _step(rui, "connectionActivate", connection)
    again = await _step(rui, "connectionActivate", connection)
    assert live["application"]["state"] == again["application"]["state"] == "ACTIVE"
    assert await OnboardingStep.filter(connection_id=connection, to_state="ACTIVE").count() == 1


async def test_the_database_itself_refuses_a_reviewer_who_submitted(enter: Enter, owner_rows: OwnerRows) -> None:
    connection = await _submitted(await enter(Role.ADMINISTRATOR, holder="Ana"))
    with pytest.raises(Exception, match="connections_four_eyes"):
        await owner_rows("UPDATE connections SET reviewed_by = submitted_by WHERE id = $1", UUID(connection))


async def test_a_draft_is_told_all_that_is_wrong_at_once_and_gives_its_secrets_to_nobody(enter: Enter) -> None:
    ana = await enter(Role.ADMINISTRATOR, holder="Ana")
    wrong = await _create(ana, values={"client_secret": "", "token_url": None, "nonsense": "x"})
    (said,) = wrong["errors"]
    assert said["path"] == ["input", "fields"]
    assert all(word in said["message"] for word in ("client_secret", "token_url", "Not of this PSE: nonsense"))
    unreadable = await _create(ana, values={"client_certificate": "x"})
    assert "Not in PEM (-----BEGIN ... to -----END ...): client_certificate" in unreadable["errors"][0]["message"]
    assert (await _create(ana, storeCode="nowhere"))["errors"][0]["path"] == ["input", "storeCode"]
    assert (await _create(ana, pse="nobody"))["errors"][0]["path"] == ["input", "pse"]
    assert (await _create(ana, values={"base_url": "http://10.0.0.1/"}))["errors"][0]["code"] == "INVALID_INPUT"
    key = uuid4().hex
    one, same = [(await _create(ana, key))["application"]["id"] for _ in range(2)]
    assert one == same
    other = await _create(ana, key, values={"client_secret": "another-secret"})
    assert other["errors"][0]["code"] == "IDEMPOTENCY_KEY_REUSED"
    taken = await _create(ana)
    assert taken["errors"][0]["path"] == ["input", "name"]
    row = await Connection.get(id=UUID(one))
    assert b"the-client-secret" not in bytes(row.sealed_secrets)
    query = """query Q($first: Int!) { connectionApplications(first: $first, states: [DRAFT]) { edges { node { id } } }
      connectionFields(pse: "adyen") { name label where secret optional test } }"""
    told = await ana.told(query, first=10)
    assert [edge["node"]["id"] for edge in told["data"]["connectionApplications"]["edges"]] == [one]
    assert {one["name"] for one in told["data"]["connectionFields"] if one["secret"] and not one["optional"]} == {
        "api_key",
        "hmac_key",
    }


async def test_keys_are_replaced_whole_and_the_old_ones_are_believed_for_a_while(enter: Enter) -> None:
    ana = await enter(Role.ADMINISTRATOR, holder="Ana")
    connection = str((await _create(ana))["application"]["id"])
    before = bytes((await Connection.get(id=UUID(connection))).sealed_secrets)
    new = [{"name": "client_secret", "value": "a-new-one"}]
    given = {"connectionId": connection, "fields": new, "oldValidUntil": "2030-01-01T00:00:00Z"}
    part = await _do(ana, "connectionSecretsReplace", given, "ConnectionSecretsInput")
    assert "Missing: webhook_secret" in part["errors"][0]["message"]
    new.append({"name": "webhook_secret", "value": "another-webhook-secret-of-the-test"})
    new.append({"name": "base_url", "value": "http://10.0.0.1"})
    address = await _do(ana, "connectionSecretsReplace", given, "ConnectionSecretsInput")
    assert "is no https address" in address["errors"][0]["message"]
    for wrong in ("https://[", "https://user:word@host.example"):
        new[2]["value"] = wrong
        told = await _do(ana, "connectionSecretsReplace", given, "ConnectionSecretsInput")
        assert told["errors"][0]["code"] == "INVALID_INPUT"
    new[2]["value"] = "https://" + "x" * 600
    long = await _do(ana, "connectionSecretsReplace", given, "ConnectionSecretsInput")
    assert "Longer than 500 characters: base_url" in long["errors"][0]["message"]
    new[2]["value"] = "https://live.example.com/v2"
    past = await _do(
        ana, "connectionSecretsReplace", {**given, "oldValidUntil": "2020-01-01T00:00:00Z"}, "ConnectionSecretsInput"
    )
    assert past["errors"][0]["path"] == ["input", "oldValidUntil"]
    unchanged = await Connection.get(id=UUID(connection))
    assert (bytes(unchanged.sealed_secrets), unchanged.base_url) == (before, FIELDS["base_url"])
    assert (await _do(ana, "connectionSecretsReplace", given, "ConnectionSecretsInput"))["errors"] == []
    row = await Connection.get(id=UUID(connection))
    assert row.base_url == "https://live.example.com/v2"
    await Connection.filter(id=row.id).update(state=ConnectionState.ACTIVE)
    moved = await _do(ana, "connectionSecretsReplace", given, "ConnectionSecretsInput")
    assert "base_url: an account that has gone live stays" in moved["errors"][0]["message"]
    (step,) = await OnboardingStep.filter(connection_id=row.id, comment__startswith="Keys replaced.")
    assert (step.actor, step.from_state, step.to_state) == ("Ana", "DRAFT", "DRAFT")
    assert "https://live.example.com/v2" in (step.comment or "")
    assert [one.secrets["client_secret"] async for one in credentials_believed(row, KEY)] == [
        "a-new-one",
        "the-client-secret",
    ]


async def test_what_was_reviewed_is_what_goes_live_or_another_person_has_seen_it(enter: Enter) -> None:
    ana = await enter(Role.ADMINISTRATOR, holder="Ana")
    rui, eva = [await enter(Role.ADMINISTRATOR, ana.shop, name) for name in ("Rui", "Eva")]
    connection = await _submitted(ana)
    keys = [{"name": name, "value": FIELDS[name]} for name in ("client_secret", "webhook_secret")]
    given = {"connectionId": connection, "fields": keys}
    during = await _do(rui, "connectionSecretsReplace", given, "ConnectionSecretsInput")
    assert during["errors"][0]["code"] == "INVALID_STATE"
    for decision in ("START", "APPROVE"):
        await _step(rui, "connectionReview", connection, decision=decision)
    async with transaction():
        row = await Connection.filter(id=UUID(connection)).select_for_update().get()
        await applications.certified(row, Cause("certification", "Ana"))
    keys.append({"name": "base_url", "value": "https://ruis-psp.example"})
    assert (await _do(rui, "connectionSecretsReplace", given, "ConnectionSecretsInput"))["errors"] == []
    for maker in (rui, ana):
        assert (await _step(maker, "connectionActivate", connection))["errors"][0]["code"] == "FORBIDDEN"
    seen = await eva.ask("query Q($id: ID!) { connectionApplication(id: $id) { baseUrl clientId } }", id=connection)
    assert seen == {"baseUrl": "https://ruis-psp.example", "clientId": "app"}
    assert (await _step(eva, "connectionActivate", connection))["application"]["state"] == "ACTIVE"


async def test_who_typed_the_account_or_handed_in_its_papers_does_not_review_it(enter: Enter) -> None:
    ana = await enter(Role.ADMINISTRATOR, holder="Ana")
    rui = await enter(Role.ADMINISTRATOR, ana.shop, "Rui")
    connection = str((await _create(ana))["application"]["id"])
    await _hand_in_all(ana, connection)
    await _step(rui, "connectionSubmit", connection)
    assert (await _step(ana, "connectionReview", connection, decision="START"))["errors"][0]["code"] == "FORBIDDEN"


async def test_who_applied_does_not_review_it_by_another_token_of_theirs(enter: Enter) -> None:
    asker = await enter(Role.ADMINISTRATOR)
    ana = await a_signed_in(asker.shop, "Ana", Role.ADMIN)
    shop, desk = [await a_token(asker, ana, name) for name in ("shop", "desk")]
    connection = await _submitted(shop)
    assert (await _step(desk, "connectionReview", connection, decision="START"))["errors"][0]["code"] == "FORBIDDEN"


async def test_another_merchant_finds_no_connection_document_or_file(enter: Enter) -> None:
    ana, foreign = await enter(holder="Ana"), await enter(holder="Eva")
    connection, file = await _submitted(ana), await upload(ana)
    assert (await _step(foreign, "connectionSuspend", connection, "We want it."))["errors"][0]["code"] == "NOT_FOUND"
    theirs = str((await _create(foreign))["application"]["id"])
    stolen = {"connectionId": theirs, "kind": "BANK_PROOF", "fileId": file}
    said = await _do(foreign, "connectionDocumentHandIn", stolen, "ConnectionDocumentInput")
    unknown = await _do(
        foreign, "connectionDocumentHandIn", {**stolen, "fileId": str(uuid4())}, "ConnectionDocumentInput"
    )
    assert said == unknown
    assert said["errors"][0]["code"] == "INVALID_INPUT"
    assert await foreign.ask("query Q($id: ID!) { connectionApplication(id: $id) { id } }", id=connection) is None
    looks = [await get(foreign, path) for path in (f"/files/{file}", f"/files/{uuid4()}")]
    assert [look.status_code for look in looks] == [404, 404]


async def test_a_draft_takes_no_payment_and_a_suspended_one_takes_it_and_waits(enter: Enter) -> None:
    ana = await enter(Role.ADMINISTRATOR, holder="Ana")
    await Connection.filter(id=ana.shop.connection.id).update(state=ConnectionState.DRAFT)
    register = """mutation M($input: PaymentRegisterInput!) { paymentRegister(input: $input) {
      payment { id } errors { ... on Error { code path } } } }"""
    given = {
        "connectionId": str(ana.shop.connection.id),
        "storeCode": "sp",
        "pseReference": "E1234567820261129120000000000001",
        "method": "PIX",
        "amount": {"minorUnits": "100", "currency": "BRL"},
        "capturedAt": "2026-11-29T10:00:00Z",
        "idempotencyKey": uuid4().hex,
    }
    refused = await ana.ask(register, input=given)
    assert refused["errors"] == [{"code": "INVALID_STATE", "path": ["input", "connectionId"]}]
    await Connection.filter(id=ana.shop.connection.id).update(state=ConnectionState.SUSPENDED)
    assert (await ana.ask(register, input=given))["errors"] == []
