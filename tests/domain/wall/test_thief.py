"""Whoever has the application's role, and SQL of their own, makes nobody an administrator and brings nothing back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import pytest

from domain.access import first_merchant, giver, merchants, people, sessions, tokens
from domain.access.grants import WantedRole
from domain.access.merchants import NewMerchant
from domain.access.principal import Principal
from domain.access.tokens import Role
from domain.models import Grant, Person
from domain.platform import database
from tests.conftest import Database
from tests.kit.databases import let_nobody_give
from tests.kit.factories import CAUSE, a_key

_DENIED: Final = "42501"
_TOKEN: Final = (
    "INSERT INTO tokens (id, merchant_id, holder, kind, role, prefix, digest, created_at, expires_at) "
    "VALUES (gen_random_uuid(), '{merchant}', 'thief', 'SERVICE', 'ADMIN', 'est_', md5('x') || md5('y'), now(), "
    "now() + interval '1 day')"
)
_MINTED: Final = {
    "a token": _TOKEN,
    "a person": "INSERT INTO people (id, merchant_id, name, email, state, created_by, created_at) "
    "VALUES (gen_random_uuid(), '{merchant}', 'T', 't@example.com', 'ACTIVE', 'thief', now())",
    "a part": "INSERT INTO grants (id, merchant_id, person_id, role, created_by, created_at) "
    "VALUES (gen_random_uuid(), '{merchant}', '{person}', 'PLATFORM_ADMIN', 'thief', now())",
    "a role": "INSERT INTO roles (id, merchant_id, name, permissions, created_by, created_at) "
    "VALUES (gen_random_uuid(), '{merchant}', 'all', ARRAY['MANAGE_PEOPLE'], 'thief', now())",
    "a link": "INSERT INTO sign_in_links (id, person_id, digest, created_by, created_at, expires_at) "
    "VALUES (gen_random_uuid(), '{person}', md5('x') || md5('y'), 'thief', now(), now() + interval '1 day')",
    "a session": "INSERT INTO sessions (id, person_id, digest, created_at, last_seen_at, expires_at) "
    "VALUES (gen_random_uuid(), '{person}', md5('x') || md5('y'), now(), now(), now() + interval '1 day')",
}
_UNDONE: Final = {
    "a revoked token": "UPDATE tokens SET revoked_at = NULL",
    "a revoked token, later": "UPDATE tokens SET revoked_at = revoked_at + interval '1 year'",
    "a token that ends": "UPDATE tokens SET expires_at = expires_at + interval '1 second'",
    "what a token may do": "UPDATE tokens SET role = 'ADMIN'",
    "a part that ended": "UPDATE grants SET ended_at = NULL",
    "a part in place": "UPDATE grants SET role = 'PLATFORM_ADMIN'",
    "a role in place": "UPDATE roles SET permissions = ARRAY['MANAGE_PEOPLE']",
    "a link that was used": "UPDATE sign_in_links SET used_at = NULL",
    "a session that was ended": "UPDATE sessions SET revoked_at = NULL",
    "a second factor": "UPDATE sessions SET second_factor = true",
    "a session for tomorrow": "UPDATE sessions SET last_seen_at = now() + interval '1 day'",
    "a session that ends": "UPDATE sessions SET expires_at = expires_at + interval '1 day'",
    "a person who was suspended": "UPDATE people SET state = 'ACTIVE'",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """An installation that has begun; `secret`: of its administrator's session. `thief`: SQL as the application."""

    merchant: UUID
    person: UUID
    secret: str
    principal: Principal
    thief: Any

    async def refused(self, statement: str) -> bool:
        told = statement.format(merchant=self.merchant, person=self.person)
        try:
            async with self.thief.transaction():
                changed = await self.thief.execute(told)
        except asyncpg.PostgresError as error:
            if error.sqlstate != _DENIED:
                raise
            return True
        assert not changed.endswith(" 0"), "There was nothing to be stolen."
        return False


@pytest.fixture
async def scene(fresh_database: Database) -> AsyncIterator[Scene]:
    await let_nobody_give(fresh_database.owner_url)
    async with database.connected(fresh_database.application_url):
        begun = await first_merchant.begin(NewMerchant("Loja", "BR", "America/Sao_Paulo"), "Ana", "ana@example.com")
        session = await sessions.by_link(begun.link.secret, 3_600)
        assert session is not None
        principal = await sessions.authenticate(session.secret, 600)
        assert principal is not None
        thief = await asyncpg.connect(fresh_database.application_url, server_settings={"estorno.merchant": "*"})
        yield Scene(begun.merchant.id, begun.person.id, session.secret, principal, thief)
        await thief.close()


async def test_first_steps_are_taken_with_the_applications_role_and_only_once(scene: Scene) -> None:
    assert await Person.all().count() == 1
    for what, statement in _MINTED.items():
        assert await scene.refused(statement), f"{what} was minted"


async def test_nobody_mints_with_a_secret_that_is_unknown_revoked_or_another_merchants(scene: Scene) -> None:
    with giver.giving(scene.secret):
        made = await merchants.create(scene.principal, NewMerchant("Outra", "BR", "America/Sao_Paulo"), a_key(), CAUSE)
    assert made.token is not None
    for secret in ("", "guessed", made.token):
        await scene.thief.execute("SELECT set_config('estorno.giver', $1, false)", secret)
        for what, statement in _MINTED.items():
            assert await scene.refused(statement), f"{what} was minted with {secret[:4]}"
    await sessions.end(scene.secret)
    await scene.thief.execute("SELECT set_config('estorno.giver', $1, false)", scene.secret)
    assert await scene.refused(_TOKEN)


async def test_whoever_shows_their_own_live_secret_gives(scene: Scene) -> None:
    with giver.giving(scene.secret):
        invited = await people.invite(scene.principal, "Rui", "rui@example.com", [WantedRole("ADMIN")], a_key(), CAUSE)
        token = await tokens.create_token(scene.merchant, Role.ADMINISTRATOR, "deploys", timedelta(hours=1))
    assert invited.link is not None
    assert await sessions.by_link(invited.link.secret, 3_600) is not None
    admin = await tokens.authenticate(token)
    assert admin is not None
    with giver.giving(token):
        person, link = await people.sign_in_link(admin, invited.person.id, CAUSE)
    assert await sessions.by_link(link.secret, 3_600) is not None
    assert await Grant.filter(person_id=person.id, ended_at=None).count() == 1
    with pytest.raises(Exception, match="given by nobody"):
        await tokens.create_token(scene.merchant, Role.ADMINISTRATOR, "nobody's", timedelta(hours=1))


async def test_what_has_ended_stays_ended(scene: Scene, fresh_database: Database) -> None:
    with giver.giving(scene.secret):
        token = await tokens.create_token(scene.merchant, Role.FRONTEND, "shop", timedelta(hours=1))
    shown = await tokens.authenticate(token)
    assert shown is not None
    await tokens.revoke(shown.token_id, "Ana")
    owner = await asyncpg.connect(fresh_database.owner_url)
    await owner.execute("UPDATE grants SET ended_at = now(); UPDATE sessions SET revoked_at = now()")
    await owner.execute("UPDATE people SET state = 'SUSPENDED'")
    await owner.execute(
        "INSERT INTO roles (id, merchant_id, name, permissions, created_by, created_at) SELECT gen_random_uuid(), id, "
        "'some', ARRAY['READ'], 'owner', now() FROM merchants"
    )
    await owner.close()
    for what, statement in _UNDONE.items():
        assert await scene.refused(statement), f"{what} was brought back"
