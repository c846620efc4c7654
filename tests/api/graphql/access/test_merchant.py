"""The merchant as its administrator changes it, and its people as a colleague may know them."""

from typing import Any

from domain.access import people
from domain.access.permissions import Role
from domain.models import Deed, Merchant, OwnRole
from tests.api.conftest import Enter
from tests.kit.factories import a_payment

_UPDATE = """mutation M($input: MerchantUpdateInput!) { merchantUpdate(input: $input) {
  merchant { name zone language } errors { ... on Error { code path } } } }"""
_COLLEAGUES = "query C($may: Permission) { colleagues(may: $may) { personId name } }"


def _refused(code: str, name: str) -> dict[str, Any]:
    return {"merchant": None, "errors": [{"code": code, "path": ["input", name]}]}


async def test_a_merchant_has_another_name_and_language_and_another_zone_until_something_is_booked(
    enter: Enter,
) -> None:
    asker, support = await enter(), await enter(Role.SUPPORT)

    async def update(**given: Any) -> Any:
        return await asker.ask(_UPDATE, input=given)

    done = await update(name="Loja Nova", zone="America/Bogota", language="es")
    assert done == {"merchant": {"name": "Loja Nova", "zone": "America/Bogota", "language": "es"}, "errors": []}
    assert (await update(language="fr")) == _refused("INVALID_INPUT", "language")
    for zone in ("Mars/Olympus", "", None, "../etc/passwd"):
        assert (await update(zone=zone)) == _refused("INVALID_INPUT", "zone"), zone
    assert (await update(name=" ")) == _refused("INVALID_INPUT", "name")
    assert (await update())["merchant"]["name"] == "Loja Nova"  # nothing given, nothing changed
    await a_payment(asker.shop)
    assert (await update(zone="America/Sao_Paulo")) == _refused("INVALID_INPUT", "zone")
    assert (await update(zone="America/Bogota", language=None))["merchant"]["language"] is None
    assert (await Merchant.get(id=asker.shop.id)).zone == "America/Bogota"
    told = [one.changes for one in await Deed.filter(operation="merchantUpdate").order_by("id")]
    assert told == [
        {
            "name": [asker.shop.merchant.name, "Loja Nova"],
            "zone": ["America/Sao_Paulo", "America/Bogota"],
            "language": [None, "es"],
        },
        {"language": ["es", None]},
    ]
    forbidden = await support.ask(_UPDATE, input={"name": "Mine"})
    assert forbidden["errors"][0]["code"] == "FORBIDDEN"
    assert (await Merchant.get(id=support.shop.id)).name == support.shop.merchant.name


async def test_colleagues_are_named_to_who_may_give_them_something_and_nothing_else_of_them_is(enter: Enter) -> None:
    asker = await enter(Role.ACCOUNTANT)
    shop, other, support = asker.shop, await enter(), await enter(Role.SUPPORT, asker.shop)
    await OwnRole.create(
        id=shop.id, merchant_id=shop.id, name="Desk", permissions=["READ_LEDGER", "WORK_FINDINGS"], created_by="t"
    )
    made = {}
    for name, role in (("Zoe", "ACCOUNTANT"), ("Ana", "SUPPORT"), ("Rui", "ADMIN"), ("Eva", "Desk")):
        one, _ = await people.make(shop.id, name, f"{name}@example.com", [(role, shop.store.id)], "tester")
        made[name] = str(one.id)
    await people.make(other.shop.id, "Stranger", "s@example.com", [("ADMIN", None)], "tester")
    gone, _ = await people.make(shop.id, "Gone", "gone@example.com", [("ADMIN", None)], "tester")
    gone.state = "SUSPENDED"
    await gone.save(update_fields=["state"])
    every = [{"personId": made[name], "name": name} for name in ("Ana", "Eva", "Rui", "Zoe")]
    assert await asker.ask(_COLLEAGUES) == every
    assert await asker.ask(_COLLEAGUES, may="WORK_FINDINGS") == every[1:]
    assert await asker.ask(_COLLEAGUES, may="MANAGE_PEOPLE") == [every[2]]
    told = await support.told(_COLLEAGUES)
    assert told["errors"][0]["extensions"]["code"] == "FORBIDDEN"
