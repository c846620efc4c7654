"""A payout that rows of some files tell, and other files beside their lines, comes to the more of both."""

import random
from decimal import Decimal

import pytest

from domain import invariants
from domain.models import Payout, Report
from domain.models.ledger import Account
from domain.pse import registry
from domain.pse.reporting import PaidOut
from tests.kit.factories import OwnerRows, Shop, a_shop
from tests.kit.lines import Telling, a_night, balance, of_nobody, today

pytestmark = pytest.mark.usefixtures("books")
_FILES = {"row-1": (0, 60, -10), "row-2": (0, 40, 100), "beside-1": (0, 60, 100), "beside-2": (0, 40, -30)}


class _Files:
    """Files of a shop, each of a day of its own, and what each says of one payout in major units, signed."""

    def __init__(self, shop: Shop, lab: Telling) -> None:
        self.shop, self.lab, self.told = shop, lab, dict.fromkeys(_FILES, 0)

    async def tell(self, name: str, amount: int) -> None:
        """The file says so much, and whatever is to be read again is read until nothing is."""
        self.told[name] = amount
        await self._read(name)
        for _ in range(8):
            valid = Report.filter(superseded_at=None, repeat_since__isnull=False).order_by("name")
            if not (again := await valid.values_list("name", flat=True)):
                break
            for one in again:
                await self._read(str(one))
        else:
            pytest.fail(f"It does not come to rest: {self.told}")
        got = [one.amount for one in await Payout.all()], await balance(self.shop, Account.PAYOUTS_IN_TRANSIT)
        assert (got, await invariants.check()) == (([self.wanted()], self.wanted()), []), self.told

    def wanted(self) -> int:
        ways = [[units for name, units in self.told.items() if name.startswith(way)] for way in ("row", "beside")]
        left = max(sum(units for units in way if units > 0) for way in ways)
        return 100 * (left + min(sum(units for units in way if units < 0) for way in ways))

    async def _read(self, name: str) -> None:
        amount, days = self.told[name], -list(_FILES).index(name)
        lines = [of_nobody("ADJUSTMENT", "1.00", reference=name)]
        if name.startswith("beside"):
            paid = PaidOut("po-1", "BRL", Decimal(amount), Decimal(0), today(days))
            self.lab.payouts[name] = [paid] if amount else []
        elif amount:
            lines.append(of_nobody("PAYOUT", f"{-amount}.00", payout_reference="po-1"))
        await a_night(self.shop, *lines, name=name, days=days)


@pytest.fixture
async def files() -> _Files:
    lab = Telling()
    registry.register(lab)
    return _Files(await a_shop(pse="lab"), lab)


@pytest.mark.parametrize("first", ["beside-1", "row-1"])
async def test_a_payout_in_two_rows_of_two_files_that_a_third_tells_a_part_of_is_paid_once(
    files: _Files, first: str, owner_rows: OwnerRows
) -> None:
    for name in (first, "row-1", "beside-1"):
        await files.tell(name, 60)
    await files.tell("row-2", 40)
    await owner_rows("UPDATE payout_parts SET told_amount = told_amount + 1 WHERE voided_at IS NULL")
    assert [one.name.partition(":")[0] for one in await invariants.check()] == ["paid once"]


async def test_whatever_the_files_of_a_payout_are_revised_to_it_comes_to_the_more_of_both_ways(files: _Files) -> None:
    pick = random.Random(3)
    await files.tell("row-1", 60)
    for _ in range(16):
        name = pick.choice(list(_FILES))
        await files.tell(name, pick.choice(_FILES[name]))
