"""A person who has signed in asks and approves with a token of their own; nobody becomes another person by a link."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from domain.access import people, tokens
from domain.access.permissions import Role
from domain.access.principal import Principal
from domain.access.tokens import NewToken
from domain.cause import Cause
from domain.models import Deed, Person, Session, Token
from domain.platform.database import execute
from tests.api.conftest import Asker, Enter
from tests.api.graphql.test_one_person_alone import ACCOUNT, _asked_for, _do, _invented, _stage, a_signed_in, a_token
from tests.kit.factories import a_key
from tests.sandbox.server import TLS

INVITE = """mutation M($input: PersonInviteInput!) { personInvite(input: $input) {
  person { id } link { url } errors { ... on Error { code message } } } }"""
LINK = """mutation M($input: SignInLinkCreateInput!) { signInLinkCreate(input: $input) {
  link { url } errors { ... on Error { code message } } } }"""
VIEWER = "{ viewer { holder personId permissions } }"
CREATE = """mutation M($input: TokenCreateInput!) { tokenCreate(input: $input) {
  secret errors { ... on Error { code message } } } }"""
_TOKEN = re.compile(r'value="(est_[^"]+)"')


async def _cookie(asker: Asker, path: str) -> str:
    async with httpx.AsyncClient(timeout=20, verify=TLS) as http:
        done = await http.post(asker.url + path)
    assert done.status_code == 303, done.text
    cookie: str = done.headers["set-cookie"].split(";")[0]
    return cookie


async def _press(asker: Asker, cookie: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=20, verify=TLS) as http:
        return await http.post(f"{asker.url}/sign-in/token", headers={"Cookie": cookie, **headers})


async def _own_token(asker: Asker, cookie: str) -> Asker:
    """Asks with the token that the page shows to whom is signed in."""
    page = await _press(asker, cookie)
    assert (page.status_code, "no-store" in page.headers["cache-control"]) == (200, True)
    found = _TOKEN.search(page.text)
    assert found is not None
    return Asker(asker.http, asker.url, found[1], asker.shop)


async def _by_link_of(asker: Asker, email: str = "bia@company.example", role: str = "ADMIN") -> Asker:
    """Whoever is invited by this asker, signed in by the link that the asker is shown."""
    given = {"name": "Bia", "email": email, "grants": [{"role": role}], "idempotencyKey": uuid4().hex}
    told = await asker.ask(INVITE, input=given)
    return await _own_token(asker, await _cookie(asker, urlsplit(told["link"]["url"]).path))


async def _by_the_owner(asker: Asker, name: str, role: str = "APPROVER") -> tuple[Asker, Person, str]:
    """Whoever the owner of the database has vouched for: who asks, the person, and the session's cookie."""
    person, link = await people.make(asker.shop.id, name, f"{a_key()}@example.com", [(role, None)], "owner")
    cookie = await _cookie(asker, f"/sign-in/link/{link.secret}")
    return await _own_token(asker, cookie), person, cookie


async def test_who_signs_in_makes_a_token_of_their_own_and_says_yes_with_it(enter: Enter) -> None:
    asker, ana = await _stage(enter)
    mine = await a_token(asker, ana, "ana")
    refund = await _asked_for(mine, await _invented(mine), destination=ACCOUNT)
    bia, person, cookie = await _by_the_owner(asker, "Bia")
    viewer = await bia.ask(VIEWER)
    assert (viewer["holder"], viewer["personId"]) == (f"Bia <{person.email}>", str(person.id))
    said = await _do(bia, "refundApprove", refund["id"], destinationFingerprint=refund["destination"]["fingerprint"])
    assert said == {"refund": {"status": "REQUESTED"}, "errors": []}
    (deed,) = await Deed.filter(operation="personalTokenCreate")
    assert (deed.person_id, deed.actor) == (person.id, f"Bia <{person.email}>")
    listed = await asker.ask("{ tokens(first: 9) { edges { node { name createdBy person } } } }")
    holders = [edge["node"]["person"] for edge in listed["edges"]]
    assert f"Bia <{person.email}>" in holders
    assert (await _press(asker, cookie, origin="https://evil.example.com")).status_code == 403
    assert (await _press(asker, "estorno-session=unknown")).status_code == 403


async def _another(bia: Asker, cookie: str, person: Person) -> None:
    await _own_token(bia, cookie)


async def _out(bia: Asker, cookie: str, person: Person) -> None:
    async with httpx.AsyncClient(timeout=20, verify=TLS) as http:
        await http.post(f"{bia.url}/sign-out", headers={"Cookie": cookie})


async def _suspended(bia: Asker, cookie: str, person: Person) -> None:
    boss = await a_signed_in(bia.shop, "Boss", Role.ADMIN)
    await people.update(boss, person.id, None, people.PersonState.SUSPENDED, _cause(boss))


async def _factor(bia: Asker, cookie: str, person: Person) -> None:
    """One is demanded from now on; below it is asked for by the domain."""


def _cause(who: Principal) -> Cause:
    return Cause(a_key(), who.holder, who.party)


End = Callable[[Asker, str, Person], Awaitable[None]]


@pytest.mark.parametrize("end", [_another, _out, _suspended, _factor])
async def test_a_persons_own_token_ends_with(enter: Enter, end: End) -> None:
    asker = await enter()
    bia, person, cookie = await _by_the_owner(asker, "Bia")
    assert await tokens.authenticate(bia.token) is not None
    await end(bia, cookie, person)
    assert await tokens.authenticate(bia.token, second_factor=end is _factor) is None


async def test_a_persons_own_token_may_what_the_person_may_now(enter: Enter) -> None:
    asker = await enter()
    bia, person, _ = await _by_the_owner(asker, "Bia")
    await execute("UPDATE grants SET ended_at = now() WHERE person_id = $1", person.id)
    found = await tokens.authenticate(bia.token)
    assert found is not None
    assert found.permissions == frozenset()


async def test_nobody_makes_a_persons_own_token_without_the_sessions_secret(enter: Enter) -> None:
    asker = await enter()
    _, person, _ = await _by_the_owner(asker, "Bia")
    session = await Session.get(person_id=person.id)
    await Token.filter(session_id=session.id).update(revoked_at=session.expires_at)
    draft = NewToken(asker.shop.id, "x", (), session.expires_at, kind=tokens.PERSONAL, person_id=person.id)
    with pytest.raises(Exception, match="secret of the session"):
        await tokens.make(replace(draft, session_id=session.id))


@pytest.mark.parametrize("how", ["own token", "a token made by it", "an invitation made by it"])
async def test_an_administrator_is_not_another_person_by_a_link_that_they_made(enter: Enter, how: str) -> None:
    asker, ana = await _stage(enter)
    mine = await a_token(asker, ana, "ana")
    refund = await _asked_for(mine, await _invented(mine), destination=ACCOUNT)
    bia = await _by_link_of(mine)
    if how == "a token made by it":
        given = {"name": "x", "grants": [{"role": "ADMIN"}], "idempotencyKey": uuid4().hex}
        bia = Asker(bia.http, bia.url, (await bia.ask(CREATE, input=given))["secret"], bia.shop)
    elif how == "an invitation made by it":
        bia = await _by_link_of(bia, "cleo@company.example", "APPROVER")
    said = await _do(bia, "refundApprove", refund["id"], destinationFingerprint=refund["destination"]["fingerprint"])
    assert said["errors"][0]["code"] == "FORBIDDEN"
    assert "identity provider" in said["errors"][0]["message"]


async def test_a_colleague_whose_link_an_administrator_makes_anew_is_the_administrator(enter: Enter) -> None:
    asker, ana = await _stage(enter)
    mine = await a_token(asker, ana, "ana")
    refund = await _asked_for(mine, await _invented(mine), destination=ACCOUNT)
    bia = await a_signed_in(asker.shop, "Bia", Role.ADMIN)
    told = await mine.ask(LINK, input={"personId": str(bia.person_id)})
    as_bia = await _own_token(asker, await _cookie(asker, urlsplit(told["link"]["url"]).path))
    said = await _do(as_bia, "refundApprove", refund["id"], destinationFingerprint=refund["destination"]["fingerprint"])
    assert said["errors"][0]["code"] == "FORBIDDEN"


async def test_who_asks_as_another_person_does_not_say_yes_as_themselves(enter: Enter) -> None:
    asker, ana = await _stage(enter)
    mine = await a_token(asker, ana, "ana")
    bia = await _by_link_of(mine)
    refund = await _asked_for(bia, await _invented(bia), destination=ACCOUNT)
    said = await _do(mine, "refundApprove", refund["id"], destinationFingerprint=refund["destination"]["fingerprint"])
    assert said["errors"][0]["code"] == "FORBIDDEN"
    free, _, _ = await _by_the_owner(asker, "Cleo")
    said = await _do(free, "refundApprove", refund["id"], destinationFingerprint=refund["destination"]["fingerprint"])
    assert said["refund"] == {"status": "REQUESTED"}
