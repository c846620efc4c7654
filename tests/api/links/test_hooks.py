"""REST hooks as Zapier, Make and n8n use them: over real HTTP, to a receiver, and as their description says."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import standardwebhooks
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.links import hooks
from domain.access.tokens import Role
from domain.models import Deed, Endpoint
from domain.models.deliveries import EndpointState
from domain.payments import customer_tokens
from domain.payments.customer_tokens import CustomerMay, NewCustomerToken
from domain.platform.database import for_all
from domain.pse.vocabulary import Succeeded
from jobs import deliveries
from jobs.deliveries import Tools
from jobs.wire.abroad import Abroad
from tests.api.conftest import Asker, Enter
from tests.kit.factories import CAUSE, KEY, a_payment, a_person, a_refund, an_answer
from tests.kit.receiver import receiving
from tests.kit.sealing import sealed

_SPEC: dict[str, Any] = json.loads(hooks.description())


async def _call(
    asker: Asker, method: str, path: str, template: str = "", body: object = None, **headers: str
) -> tuple[int, Any]:
    """Status and body, which must be as the description says."""
    given = {"Authorization": f"Bearer {asker.token}", **headers}
    content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await asker.http.request(method, f"{asker.url}/hooks/v1{path}", content=content, headers=given)
    told = answer.json() if answer.content else None
    plain = template or path.partition("?")[0]
    answers = _SPEC["paths"][f"/hooks/v1{plain}"][method.lower()]["responses"]
    assert str(answer.status_code) in answers, (method, path, answer.status_code, told)
    if (content_of := answers[str(answer.status_code)].get("content")) is not None:
        schema = {**content_of["application/json"]["schema"], "components": _SPEC["components"]}
        assert [error.message for error in Draft202012Validator(schema).iter_errors(told)] == []
    return answer.status_code, told


def test_the_description_is_openapi_and_tells_every_route() -> None:
    OpenAPIV31SpecValidator(_SPEC).validate()
    assert _SPEC["openapi"].startswith("3.1")

    async def nobody(token: str | None) -> None:
        return None

    made = {
        (route.path.replace(":uuid", ""), method.lower())
        for route in hooks.routes(nobody, None)  # type: ignore[arg-type]
        for method in set(route.methods or ()) - {"HEAD"}
    }
    told = {(path, name) for path, item in _SPEC["paths"].items() for name in item if name != "parameters"}
    assert made == told


async def test_a_tool_subscribes_is_told_what_happens_in_a_way_it_can_believe_and_leaves(enter: Enter) -> None:
    asker = await enter()
    abroad = Abroad()
    async with receiving() as server:
        status, me = await _call(asker, "GET", "/me")
        assert (status, me["id"]) == (200, str(asker.shop.id))
        _, events = await _call(asker, "GET", "/events")
        assert {"refund.success", "refund.failed"} <= {one["id"] for one in events}
        _, (sample,) = await _call(asker, "GET", "/samples/refund.success", "/samples/{event}")
        target, wanted = server.url("/zap"), ["refund.success"]
        status, made = await _call(asker, "POST", "/subscriptions", body={"targetUrl": target, "events": wanted})
        assert (status, made["state"], made["events"]) == (201, "ACTIVE", wanted)
        # Switched on twice, at once too: it is one subscription, whose secret is told once.
        again = await asyncio.gather(
            *(
                _call(asker, "POST", "/subscriptions", body={"targetUrl": target, "events": "refund.success"})
                for _ in "12"
            )
        )
        assert [(status, one["id"], "secret" in one) for status, one in again] == [(200, made["id"], False)] * 2
        other = {"targetUrl": server.url("/other"), "events": ["*"], "thin": True}
        first = await asyncio.gather(*(_call(asker, "POST", "/subscriptions", body=other) for _ in "123"))
        assert sorted(status for status, _ in first) == [200, 200, 201]
        _, listed = await _call(asker, "GET", "/subscriptions")
        assert [one["id"] for one in listed][-1] == made["id"]
        _, there = await _call(asker, "GET", f"/subscriptions?url={target}")
        assert [one["id"] for one in there] == [made["id"]]
        one = ("/subscriptions/" + made["id"], "/subscriptions/{id}")
        assert (await _call(asker, "GET", *one))[1] == there[0]
        refund = await a_refund(asker.shop, await a_payment(asker.shop), 1_000)
        await an_answer(refund, Succeeded("D1"))
        with for_all("the sealer's and the worker's work"):
            await sealed(asker.shop)
            await deliveries.deliver((await Endpoint.get(id=made["id"])).id, Tools(abroad, KEY))
        (taken,) = server.of("/zap")
        told = standardwebhooks.Webhook(made["secret"]).verify(taken.body.decode(), taken.headers)
        assert (told["type"], set(told["data"])) == ("refund.success", set(sample["data"]))
        for _ in range(2):  # switched off twice
            assert (await _call(asker, "DELETE", *one))[0] == 204
        assert (await _call(asker, "GET", *one))[0] == 404
        assert (await Endpoint.get(id=made["id"])).state is EndpointState.OFF
    await abroad.close()
    done = await Deed.filter(merchant_id=asker.shop.id, operation__in=["endpointCreate", "endpointDelete"])
    assert sorted(one.operation for one in done) == ["endpointCreate", "endpointCreate", "endpointDelete"]


async def test_who_may_not_and_what_is_not_as_described_is_refused_in_words(enter: Enter) -> None:
    asker = await enter()
    stranger, frontend = await enter(), await enter(Role.REQUESTER, asker.shop)
    good = {"targetUrl": "https://hooks.zapier.com/hooks/standard/1/abc/", "events": ["refund.*"]}
    status, told = await _call(frontend, "POST", "/subscriptions", body=good)
    assert (status, told["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")
    status, _ = await _call(asker, "GET", "/me", Authorization="Bearer est_nothing")
    assert status == 401
    refused: list[tuple[int, object]] = [
        (400, b"{"),
        (400, b"[" * 50_000),
        (400, []),
        (400, {"events": ["*"]}),
        (400, {"targetUrl": "https://a.example/", "events": [1]}),
        (400, {"targetUrl": "https://a.example/", "events": []}),
        (422, {**good, "events": ["refund.nothing"]}),
        (422, {**good, "targetUrl": "http://169.254.169.254/latest"}),
        (422, {**good, "targetUrl": "https://[::1"}),
        (422, {**good, "targetUrl": "https://localhost/x"}),
    ]
    for wanted, body in refused:
        status, _ = await _call(asker, "POST", "/subscriptions", body=body)
        assert status == wanted, body
    status, made = await _call(asker, "POST", "/subscriptions", body=good)
    assert status == 201
    assert "abc" not in made["target"].removesuffix("abc/"), "The address is a password of its owner's."
    for method in ("GET", "DELETE"):
        for who, name in ((stranger, made["id"]), (asker, str(uuid4()))):
            assert (await _call(who, method, f"/subscriptions/{name}", "/subscriptions/{id}"))[0] == 404
    assert (await _call(stranger, "GET", f"/subscriptions?url={good['targetUrl']}"))[1] == []
    assert (await _call(asker, "GET", "/samples/nothing.here", "/samples/{event}"))[0] == 404
    # An address with every sign that means something in one: found when it is escaped, said when it is not.
    odd = "https://hooks.example.com/a%2Fb/c%23d?x=1&y=%3F/2;z=+"
    status, made = await _call(asker, "POST", "/subscriptions", body={**good, "targetUrl": odd})
    assert status == 201
    cut = {**good, "targetUrl": f"{odd}#end"}
    assert (await _call(asker, "POST", "/subscriptions", body=cut))[0] == 422, "Nothing behind a # is ever sent."
    _, there = await _call(asker, "GET", f"/subscriptions?url={quote(odd, safe='')}")
    assert [one["id"] for one in there] == [made["id"]]
    status, told = await _call(asker, "GET", f"/subscriptions?url={odd}")
    assert (status, "percent-encode" in str(told)) == (400, True)
    assert (await _call(asker, "GET", f"/subscriptions?url={quote(odd, safe='')}&url=x"))[0] == 400
    given = {"Authorization": f"Bearer {asker.token}"}
    names = ("refund.success%23", "refund.success%3Fx", "refund%2Fsuccess", "%00", "..%2F..%2Fme")
    paths = [f"/samples/{one}" for one in names]
    paths += [f"/subscriptions/{one}" for one in ("%23", "a%3Fb", "..%2Fme", made["id"] + "%2Fx", made["id"] + "%23")]
    for path in paths:
        assert (await asker.http.get(f"{asker.url}/hooks/v1{path}", headers=given)).status_code == 404, path


async def test_a_customers_token_opens_nothing_here(enter: Enter) -> None:
    asker = await enter()
    payment, person = await a_payment(asker.shop), a_person(asker.shop, "shop", Role.REQUESTER)
    new = NewCustomerToken(CustomerMay.ASK, 5, payment_id=payment.id)
    asker = replace(asker, token=(await customer_tokens.create(person, new, CAUSE, KEY)).clear)
    for path in ("/me", "/events", "/samples/refund.success", "/subscriptions"):
        assert (await _call(asker, "GET", path, "/samples/{event}" if "samples" in path else ""))[0] == 401, path
