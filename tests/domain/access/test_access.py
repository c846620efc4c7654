"""Tokens, roles and sealed secrets."""

from datetime import timedelta
from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidTag

from domain.access import tokens
from domain.access.principal import role_reach
from domain.access.tokens import PERMISSIONS, Permission, Role, authenticate, create_token
from domain.connections import connections
from domain.models import Connection, Token
from domain.platform import secrets
from domain.platform.secrets import Unsealable
from domain.problems import Forbidden, InvalidInput
from domain.pse.registry import UnknownMethod, UnknownPse, capability, connector
from domain.pse.vocabulary import Method
from tests.kit.factories import KEY, OwnerRows, a_shop

HOUR = timedelta(hours=1)


@pytest.mark.usefixtures("books")
class TestTokens:
    async def test_a_token_speaks_for_its_merchant_holder_and_role(self) -> None:
        shop = await a_shop()
        token = await create_token(shop.id, Role.SUPPORT, "ana", HOUR)
        principal = await authenticate(token)
        assert principal is not None
        assert (principal.merchant_id, principal.holder) == (shop.id, "ana")
        assert principal.reach == role_reach(Role.SUPPORT)

    async def test_only_its_hash_is_kept(self, owner_rows: OwnerRows) -> None:
        token = await create_token((await a_shop()).id, Role.SUPPORT, "ana", HOUR)
        assert token not in repr(await owner_rows("SELECT * FROM tokens"))

    @pytest.mark.parametrize("wrong", [None, "", "est_", "x", "est_" + "a" * 43])
    async def test_an_unknown_token_is_nobody(self, wrong: str | None) -> None:
        assert await authenticate(wrong) is None

    async def test_an_expired_or_revoked_token_is_nobody(self) -> None:
        shop = await a_shop()
        assert await authenticate(await create_token(shop.id, Role.SUPPORT, "ana", timedelta(seconds=-1))) is None
        token = await create_token(shop.id, Role.SUPPORT, "bia", HOUR)
        principal = await authenticate(token)
        assert principal is not None
        await Token.filter(id=principal.token_id).update(revoked_at=principal.expires_at)
        assert await authenticate(token) is None

    async def test_secrets_of_a_connection_open_only_in_their_own_row(self, owner_rows: OwnerRows) -> None:
        one, other = await a_shop(), await a_shop()
        assert (await connections.credentials_of(one.connection, KEY)).secrets["client_secret"] == "sandbox-secret"
        assert "sandbox-secret" not in repr(await connections.credentials_of(one.connection, KEY))
        await owner_rows(
            "UPDATE connections SET sealed_secrets = $1 WHERE id = $2",
            one.connection.sealed_secrets,
            other.connection.id,
        )
        swapped = await Connection.get(id=other.connection.id)
        with pytest.raises(Unsealable):
            await connections.credentials_of(swapped, KEY)

    async def test_a_connection_speaks_https_or_to_this_machine(self) -> None:
        shop = await a_shop()
        for url in ("http://pse.example.com", "ftp://x", "http://sandbox.example.com", "http://127.0.0.1.example.com"):
            new = connections.NewConnection("pix", "n", url, "id", {}, shop.store.id)
            with pytest.raises(InvalidInput, match="https"):
                await connections.create(shop.id, new, KEY)
        good = connections.NewConnection("pix", "n", "https://pix.example.com/v2/", "id", {}, shop.store.id)
        assert (await connections.create(shop.id, good, KEY)).base_url == "https://pix.example.com/v2"


def test_what_a_role_lacks_is_refused_with_who_has_it() -> None:
    principal = tokens.Principal(uuid4(), uuid4(), "ana", role_reach(Role.FRONTEND), None)  # type: ignore[arg-type]  # not asked for
    principal.require(Permission.REFUND)
    with pytest.raises(Forbidden, match="ACCOUNTANT"):
        principal.require(Permission.READ_LEDGER)


def test_every_permission_is_somebodys_and_the_administrators() -> None:
    assert PERMISSIONS[Role.PLATFORM_ADMIN] == frozenset(Permission)
    assert PERMISSIONS[Role.ADMIN] == frozenset(Permission) - {Permission.MANAGE_MERCHANTS}
    assert set(PERMISSIONS) == set(Role)


def test_a_sealed_value_opens_with_its_key_and_place_only() -> None:
    sealed = secrets.seal(KEY, {"a": "b"}, "here/1")
    assert secrets.unseal(KEY, sealed, "here/1") == {"a": "b"}
    for key, value, place in (
        (b"x" * 32, sealed, "here/1"),
        (KEY, sealed, "here/2"),
        (KEY, sealed[:-1] + bytes([sealed[-1] ^ 1]), "here/1"),
        (KEY, b"", "here/1"),
    ):
        with pytest.raises(Unsealable) as refused:
            secrets.unseal(key, value, place)
        assert isinstance(refused.value.__cause__, InvalidTag | ValueError)


def test_sealing_twice_gives_different_bytes_and_hashing_twice_the_same() -> None:
    assert secrets.seal(KEY, {"a": "b"}, "x") != secrets.seal(KEY, {"a": "b"}, "x")
    assert secrets.keyed_digest(KEY, "x") == secrets.keyed_digest(KEY, "x") != secrets.keyed_digest(b"x" * 32, "x")


def test_an_unknown_pse_or_method_names_the_known_ones() -> None:
    with pytest.raises(UnknownPse, match="pix"):
        connector("nobody")
    with pytest.raises(UnknownMethod, match="PIX"):
        capability("pix", Method.OXXO)
