"""A month's evidence has each fact in its own month, whatever came later, and nothing of another merchant's books."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.access import people
from domain.access.grants import WantedRole
from domain.access.permissions import Role
from domain.access.principal import Principal, role_reach
from domain.audit import parts
from domain.audit.parts import PARTS
from domain.cause import Cause, Doer
from domain.platform import data_keys
from domain.refunds.approvals import decide, delegate, propose
from domain.refunds.approvals.propose import Proposal
from domain.refunds.approvals.rules import Need, Rule, Step, When
from tests.kit.factories import KEY, OwnerRows, Shop, a_key, a_payment, a_refund, a_shop

pytestmark = pytest.mark.usefixtures("books")
ALL = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))
SEPTEMBER, OCTOBER = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)


async def _lines(file: str, shop: Shop, since: datetime, until: datetime) -> list[dict[str, Any]]:
    (part,) = [one for one in PARTS if one.file == file]
    return await parts.read(part, [shop.id], since, until)


async def _person(shop: Shop, name: str, role: Role) -> tuple[Principal, Cause]:
    person, link = await people.make(shop.id, name, f"{a_key()}@example.com", [(role.value, None)], "tester")
    holder = f"{person.name} <{person.email}>"
    who = Principal(uuid4(), shop.id, holder, role_reach(role), link.expires_at, person_id=person.id)
    return who, Cause("r", holder, person.id, Doer(None, person.id, who.token_id))


async def test_a_key_is_made_in_its_month_whenever_it_is_retired(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    await data_keys.current(KEY, shop.id)
    await owner_rows("ALTER TABLE data_keys DISABLE TRIGGER USER")
    await owner_rows(
        "UPDATE data_keys SET created_at = '2026-09-10', retired_at = '2026-10-10' WHERE merchant_id = $1", shop.id
    )
    (made,) = await _lines("keys.csv", shop, SEPTEMBER, OCTOBER)
    (retired,) = await _lines("keys.csv", shop, OCTOBER, NOVEMBER)
    assert (made["what"], retired["what"]) == ("MADE", "RETIRED")


async def test_a_doubt_is_confirmed_in_its_month_and_the_month_before_does_not_know_it(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    await owner_rows(
        "INSERT INTO doubt_verdicts (id, merchant_id, refund_id, attempt, verdict, evidence, proposed_by, "
        "  proposed_by_id, proposed_at, confirmed_by, confirmed_by_id, confirmed_at) "
        "VALUES (gen_random_uuid(), $1, $2, 1, 'PAID', 'seen', 'ana', gen_random_uuid(), '2026-09-30', 'bia', "
        "  gen_random_uuid(), '2026-10-01')",
        shop.id,
        refund.id,
    )
    (proposed,) = await _lines("doubts.csv", shop, SEPTEMBER, OCTOBER)
    (confirmed,) = await _lines("doubts.csv", shop, OCTOBER, NOVEMBER)
    assert (proposed["what"], proposed["by"]) == ("PROPOSED", "ana")
    assert (confirmed["what"], confirmed["by"]) == ("CONFIRMED", "bia")
    assert "bia" not in str(proposed)


async def test_who_was_invited_with_a_role_was_given_one() -> None:
    shop = await a_shop()
    boss, by_boss = await _person(shop, "Boss", Role.ADMIN)
    await people.invite(boss, "Bia", f"{a_key()}@example.com", [WantedRole("ADMIN")], a_key(), by_boss)
    assert "personInvite" in [one["operation"] for one in await _lines("role-changes.csv", shop, *ALL)]


async def test_the_rules_the_delegations_and_whose_right_a_yes_was_are_told() -> None:
    shop = await a_shop()
    boss, by_boss = await _person(shop, "Boss", Role.ADMIN)
    helper, by_helper = await _person(shop, "Helper", Role.SUPPORT)
    assert helper.person_id is not None
    rule = Rule(When(), Need("ALL", "x", (Step("APPROVE"),)))
    await propose.propose(boss, Proposal(propose.APPROVAL, "ALL", rule=rule), by_boss)
    now = datetime.now(UTC)
    await delegate.delegate(boss, helper.person_id, now - timedelta(minutes=1), now + timedelta(days=5), by_boss)
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    await decide.approve(helper, refund.id, None, None, by_helper)
    assert [one["operation"] for one in await _lines("rules.csv", shop, *ALL)] == ["approvalRulePropose"]
    assert [one["operation"] for one in await _lines("delegations.csv", shop, *ALL)] == ["approvalDelegate"]
    (yes,) = await _lines("approvals.csv", shop, *ALL)
    assert (yes["decided_by"], yes["delegated_by"]) == (helper.holder, boss.holder)


async def test_one_merchants_evidence_counts_its_own_broken_payments_alone(owner_rows: OwnerRows) -> None:
    mine, theirs = await a_shop(), await a_shop(name="Outra")
    payments = [await a_payment(shop) for shop in (mine, theirs, theirs)]
    await _check(owner_rows, [one.id for one in payments])
    (told,) = await _lines("invariants.csv", mine, *ALL)
    assert told["payments_broken"] == 1


async def _check(owner_rows: OwnerRows, broken: list[UUID]) -> None:
    listed = ", ".join(f'"{one}"' for one in broken)
    await owner_rows(
        "INSERT INTO checks (at, whole, events, ledger_entries, settlement_lines, listed_money, standing) "
        "VALUES (now(), true, 0, 0, 0, 0, $1::text::jsonb)",
        f'{{"more": false, "payments": [{listed}], "invariants": []}}',
    )
