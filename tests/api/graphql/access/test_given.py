"""What is given over the API is given with the giver's own secret, which the database asks for (wall/test_thief)."""

from dataclasses import replace

import httpx

from domain.access.tokens import Role
from domain.models import Grant
from tests.api.conftest import Enter, global_id
from tests.api.graphql.access.test_over_http import INVITE, MERCHANT, _customer, _token
from tests.conftest import Database
from tests.kit.databases import let_nobody_give
from tests.kit.factories import a_key, a_payment

_ROTATE = """mutation R($input: TokenRotateInput!) { tokenRotate(input: $input) { secret
  errors { ... on Error { code } } } }"""
_GRANT = """mutation G($input: GrantSetInput!) { grantSet(input: $input) { person { grants { role } }
  errors { ... on Error { code } } } }"""
_LINK = """mutation L($input: SignInLinkCreateInput!) { signInLinkCreate(input: $input) { link { url }
  errors { ... on Error { code } } } }"""
_UPDATE = """mutation U($input: PersonUpdateInput!) { personUpdate(input: $input) { person { state }
  errors { ... on Error { code } } } }"""
_ROLE = "mutation R($input: RoleSaveInput!) { roleSave(input: $input) { errors { ... on Error { code } } } }"


async def test_whoever_may_gives_over_the_api_what_the_applications_role_alone_cannot(
    enter: Enter, own_database: Database
) -> None:
    admin = await enter(Role.PLATFORM_ADMIN)
    payment = await a_payment(admin.shop, tax_id="529.982.247-25")
    await let_nobody_give(own_database.owner_url)
    robot, told = await _token(admin, {"role": "REQUESTER"})
    given = {"tokenId": told["id"], "days": 9, "overlapHours": 0, "idempotencyKey": a_key()}
    rotated = await admin.ask(_ROTATE, input=given)
    customer = await _customer(replace(robot, token=rotated["secret"]), "SEE", paymentId=global_id(payment))
    assert (await customer.told("{ refunds(first: 1) { edges { cursor } } }"))["data"] is not None
    assert await admin.ask(_ROLE, input={"name": "looks", "permissions": ["READ"]}) == {"errors": []}
    place = {"name": "X", "country": "MX", "zone": "America/Mexico_City", "idempotencyKey": a_key()}
    other = await admin.ask(MERCHANT, input=place)
    assert (other["errors"], other["token"] is not None) == ([], True)


async def test_people_are_invited_given_parts_and_links_and_had_back(enter: Enter, own_database: Database) -> None:
    admin = await enter()
    await let_nobody_give(own_database.owner_url)
    new = {"name": "Bia", "email": "bia@example.com", "grants": [{"role": "SUPPORT"}], "idempotencyKey": a_key()}
    link = (await admin.ask(INVITE, input=new))["link"]["url"]
    person = {"personId": str((await Grant.get(role="SUPPORT")).person_id)}
    parts = await admin.ask(_GRANT, input={**person, "grants": [{"role": "APPROVER"}]})
    assert parts["errors"] == []
    assert (await admin.ask(_LINK, input=person))["link"]["url"] != link
    for state in ("SUSPENDED", "ACTIVE"):
        assert (await admin.ask(_UPDATE, input={**person, "state": state}))["person"] == {"state": state}
    link = (await admin.ask(_LINK, input=person))["link"]["url"]
    path = httpx.URL(link).path
    async with httpx.AsyncClient(base_url=admin.url) as browser:
        assert (await browser.get(path)).status_code == 200
