"""The forms of people, roles, tokens and stores: what is shown once, what may not be given, and what is kept."""

from html import unescape

from domain.models import Grant, OwnRole, Person, Store, Token
from tests.api.console.conftest import Browser, sign_in


async def test_somebody_is_invited_given_roles_by_store_suspended_and_had_back(browser: Browser) -> None:
    typed = {"name": "Rui", "email": "rui@example.com", "role0": "SUPPORT", "role1": "APPROVER", "store1": "sp"}
    made = await browser.send("/people/new", "invite", typed)
    assert made.status_code == 200, made.text
    assert "/sign-in/link/" in made.text
    rui = await Person.get(email="rui@example.com")
    path = f"/people/{rui.id}"
    given = await Grant.filter(person_id=rui.id, ended_at=None).order_by("role").values_list("role", "store_id")
    assert given == [("APPROVER", browser.shop.store.id), ("SUPPORT", None)]
    again = await browser.send("/people/new", "invite", typed)
    assert (again.status_code, 'href="#invite-email"' in again.text, 'value="Rui"' in again.text) == (422, True, True)
    fewer = {"role0": "SUPPORT", "store0": "sp", "role1": "", "store1": ""}
    assert (await browser.send(path, "grants", fewer)).status_code == 303
    assert await Grant.filter(person_id=rui.id, ended_at=None).values_list("role", "store_id") == [
        ("SUPPORT", browser.shop.store.id)
    ]
    nowhere = await browser.send(path, "grants", {"role0": "SUPPORT", "store0": "nowhere", "role1": ""})
    assert nowhere.status_code == 422
    assert (await browser.send(path, "rename", {"name": "Rui Dias"})).status_code == 303
    assert (await browser.send(path, "suspend", {})).status_code == 303
    assert (await Person.get(id=rui.id)).state == "SUSPENDED"
    assert (await browser.send(path, "activate", {})).status_code == 303
    linked = await browser.send(path, "link", {})
    assert (linked.status_code, "/sign-in/link/" in linked.text) == (200, True)
    assert "/sign-in/link/" not in await browser.page(path)
    assert "Rui Dias" in await browser.page("/people")


async def test_nobody_suspends_themselves_and_the_last_administrator_stays(browser: Browser) -> None:
    await sign_in(browser, "ADMIN", "Bia", "bia@example.com")
    bia = await Person.get(email="bia@example.com")
    page = await browser.page(f"/people/{bia.id}")
    assert "needs somebody else than you" in page
    last = await browser.send(f"/people/{bia.id}", "grants", {"role0": "SUPPORT"})
    assert (last.status_code, "last administrator" in unescape(last.text)) == (422, True)


async def test_a_role_of_ones_own_is_written_changed_and_deleted(browser: Browser) -> None:
    new = await browser.send("/roles/edit", "save", {"name": "Night shift", "permission": ["READ", "REFRESH"]})
    assert new.status_code == 303, new.text
    assert "Night shift" in await browser.page("/roles")
    path = "/roles/edit?role=Night%20shift"
    assert (await browser.send(path, "save", {"permission": ["READ"]})).status_code == 303
    role = await OwnRole.get(name="Night shift", ended_at=None)
    assert role.permissions == ["READ"]
    none = await browser.send(path, "save", {})
    assert (none.status_code, 'href="#save-permission"' in none.text) == (422, True)
    taken = await browser.send("/roles/edit", "save", {"name": "ADMIN", "permission": ["READ"]})
    assert (taken.status_code, 'href="#save-name"' in taken.text) == (422, True)
    assert (await browser.send(path, "delete", {})).status_code == 303
    assert not await OwnRole.filter(name="Night shift", ended_at=None).exists()


async def test_a_tokens_secret_is_shown_once_when_it_is_made_and_when_it_is_replaced(browser: Browser) -> None:
    typed = {"name": "web shop", "days": "30", "role0": "REQUESTER"}
    made = await browser.send("/tokens/new", "create", typed)
    assert made.status_code == 200, made.text
    token = await Token.get(merchant_id=browser.shop.id, name="web shop")
    path = f"/tokens/{token.id}"
    secret = made.text.split('data-copy="', 1)[1].split('"', 1)[0]
    called = await browser.http.post(
        "/graphql", json={"query": "{ viewer { holder } }"}, headers={"authorization": f"Bearer {secret}"}
    )
    assert called.json()["data"]["viewer"]["holder"] == "web shop"
    assert secret not in await browser.page(path) + await browser.page("/tokens")
    wrong = await browser.send(path, "rotate", {"days": "900", "overlapHours": "1"})
    assert (wrong.status_code, 'href="#rotate-days"' in wrong.text) == (422, True)
    rotated = await browser.send(path, "rotate", {"days": "30", "overlapHours": "1"})
    assert (rotated.status_code, 'data-copy="' in rotated.text, secret in rotated.text) == (200, True, False)
    assert (await browser.send(path, "revoke", {})).status_code == 303
    assert (await Token.get(id=token.id)).revoked_at is not None
    assert 'id="form-revoke"' not in await browser.page(path)


async def test_a_store_is_made_and_says_how_customers_reach_it(browser: Browser) -> None:
    typed = {"code": "rio", "name": "Rio", "contact": "ajuda@rio.example", "privacyUrl": "https://rio.example/p"}
    assert (await browser.send("/settings/stores/new", "create", typed)).status_code == 303
    store = await Store.get(merchant_id=browser.shop.id, code="rio")
    assert (store.contact, store.privacy_url, store.payee_key) == ("ajuda@rio.example", "https://rio.example/p", None)
    path = f"/settings/stores/{store.id}"
    wrong = await browser.send(path, "update", {"name": "Rio", "privacyUrl": "http://rio.example"})
    assert (wrong.status_code, 'href="#update-privacyUrl"' in wrong.text) == (422, True)
    assert (
        await browser.send(path, "update", {"name": "Rio Sul", "contact": "", "payeeKey": "rio@key"})
    ).status_code == 303
    store = await Store.get(id=store.id)
    assert (store.name, store.contact, store.payee_key) == ("Rio Sul", None, "rio@key")
    assert "Rio Sul" in await browser.page("/settings")


async def test_support_sees_settings_and_connections_and_changes_nothing(browser: Browser) -> None:
    await sign_in(browser, "SUPPORT", "Bia", "bia@example.com")
    settings = await browser.page("/settings")
    assert "New store" not in settings
    assert "New connection" not in await browser.page("/connections")
    for path in ("/people", "/roles", "/tokens"):
        refused = await browser.page(path, status=403)
        assert ("This page is for others" in refused, "MANAGE_" in refused) == (True, False)


async def test_the_merchant_is_changed_and_says_what_stays(browser: Browser) -> None:
    page = "/settings/merchant"
    typed = {"name": "Loja Nova", "zone": "America/Bogota", "language": "es"}
    assert (await browser.send(page, "change", typed)).status_code == 303
    shown = await browser.page("/settings")
    for said in ("Loja Nova", "America/Bogota", "Español"):
        assert said in shown
    wrong = await browser.send(page, "change", {**typed, "zone": "Mars/Olympus"})
    assert (wrong.status_code, 'href="#change-zone"' in wrong.text, 'value="Mars/Olympus"' in wrong.text) == (
        422,
        True,
        True,
    )
    assert (await browser.send(page, "change", {**typed, "language": ""})).status_code == 303
    assert "That of their money" in await browser.page("/settings")
