"""A journal is numbered and kept: the same again is the same, and another content is never under its number."""

import asyncio
import contextvars
import csv
import hashlib
import io
import zipfile
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain import invariants
from domain.access.principal import Principal
from domain.access.tokens import Role
from domain.books.trial_balance import trial_balance
from domain.files import content
from domain.journal import export, mapping
from domain.journal.export import WantedJournal
from domain.journal.formats import Encoding, JournalFormat
from domain.journal.mapping import For, Theirs
from domain.models import File, JournalBatch
from domain.models.ledger import Account
from domain.periods import closing
from domain.periods.months import Month
from domain.platform.database import for_all
from domain.platform.settings import Settings
from domain.problems import Forbidden, IdempotencyConflict, InvalidInput
from tests.kit.days import utc_today
from tests.kit.factories import CAUSE, KEY, OwnerRows, Shop, a_key, a_payment, a_person, a_shop
from tests.kit.world import quick_settings

pytestmark = pytest.mark.usefixtures("books")


def _month() -> Month:
    return Month.of(utc_today(-35))


async def _shop() -> Shop:
    shop = await a_shop()
    days = (utc_today() - _month().first_day).days - 2
    await a_payment(shop, days_ago=days, tax=1_800)
    await a_payment(shop, days_ago=days - 3, amount=5_000)
    return shop


async def _map(shop: Shop, account: Account, number: str, **of: object) -> None:
    ours = For(account, **of)  # type: ignore[arg-type]
    await mapping.set_account(_keeper(shop), ours, Theirs(number, f"Conta {number}"), a_key(), CAUSE)


def _keeper(shop: Shop) -> Principal:
    return a_person(shop, "Ana", Role.ACCOUNTANT)


def _read(packed: bytes) -> dict[str, list[list[str]]]:
    with zipfile.ZipFile(io.BytesIO(packed)) as found:
        return {name: list(csv.reader(io.StringIO(found.read(name).decode()))) for name in found.namelist()}


async def _content(settings: Settings, batch: JournalBatch) -> bytes:
    return await content.get(settings, await File.get(id=batch.file_id))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick_settings(home=tmp_path, secret_key=KEY)


async def test_a_closed_month_has_one_number_for_one_content(settings: Settings) -> None:
    shop = await _shop()
    ana, bia = a_person(shop, "Ana", Role.ACCOUNTANT), a_person(shop, "Bia", Role.ACCOUNTANT)
    wanted = WantedJournal(_month(), JournalFormat.CSV)
    with pytest.raises(InvalidInput, match=r"OUTPUT_VAT \(BRL\), PSE_CLEARING \(BRL\), SALES \(BRL\)"):
        await export.export(ana, wanted, a_key(), settings, CAUSE)
    for account, number in ((Account.PSE_CLEARING, "1.1"), (Account.SALES, "3.1"), (Account.OUTPUT_VAT, "2.1")):
        await _map(shop, account, number)
    draft = await export.export(ana, wanted, a_key(), settings, CAUSE)
    assert draft.number is None
    proposed = await closing.propose(ana, _month(), "x", a_key(), CAUSE)
    await closing.confirm(bia, proposed.id, CAUSE)
    key = a_key()
    first = await export.export(ana, wanted, key, settings, CAUSE)
    for again in (key, a_key()):
        assert await export.export(ana, wanted, again, settings, CAUSE) == first
    with pytest.raises(IdempotencyConflict):
        await export.export(ana, WantedJournal(_month(), JournalFormat.XERO), key, settings, CAUSE)
    assert (first.number, first.sums, first.replaces) == (1, {"BRL": "15000"}, None)
    packed = await _content(settings, first)
    told = _read(packed)
    head, control = told.pop("control.csv")
    ((name, rows),) = told.items()
    facts = dict(zip(head, control, strict=True))
    with zipfile.ZipFile(io.BytesIO(packed)) as found:
        assert facts["sha256"] == hashlib.sha256(found.read(name)).hexdigest()
    assert (facts["file"], facts["lines"], facts["debits"], facts["credits"]) == (name, "6", "150.00", "150.00")
    (total,) = (await trial_balance(shop.id, _month().first_day, _month().last_day)).totals
    cents = [int(row[5].replace(".", "")) for row in rows[1:]]
    assert sum(cents) == total.debits == 15_000
    other = await export.export(ana, WantedJournal(_month(), JournalFormat.XERO), a_key(), settings, CAUSE)
    assert other.number == 2
    chinese = await export.export(
        ana, WantedJournal(_month(), JournalFormat.CSV, Encoding.GB18030), a_key(), settings, CAUSE
    )
    assert (chinese.number, chinese.digest) == (1, first.digest)
    await _map(shop, Account.SALES, "3.2", store_id=shop.store.id)
    changed = await export.export(ana, wanted, a_key(), settings, CAUSE)
    assert (changed.number, changed.replaces) == (3, 1)
    assert await _content(settings, first) == packed


async def _alone(work: Coroutine[Any, Any, JournalBatch]) -> JournalBatch:
    async def asked() -> JournalBatch:
        with for_all("a test looks at everything"):
            return await work

    return await asyncio.create_task(asked(), context=contextvars.Context())


async def test_many_at_once_have_numbers_of_their_own_and_leave_no_file_behind(settings: Settings) -> None:
    shop = await _shop()
    ana, bia = a_person(shop, "Ana", Role.ACCOUNTANT), a_person(shop, "Bia", Role.ACCOUNTANT)
    for account in (Account.PSE_CLEARING, Account.SALES, Account.OUTPUT_VAT):
        await _map(shop, account, "1")
    proposed = await closing.propose(ana, _month(), "x", a_key(), CAUSE)
    await closing.confirm(bia, proposed.id, CAUSE)
    forms = [*JournalFormat, *JournalFormat]
    made = await asyncio.gather(
        *(_alone(export.export(ana, WantedJournal(_month(), form), a_key(), settings, CAUSE)) for form in forms)
    )
    numbers = {one.format: one.number for one in made}
    assert set(numbers.values()) == {1, 2, 3, 4}
    assert {one.id for one in made} == {one.id async for one in JournalBatch.all()}
    kept = {path.name for path in (settings.home / "files").iterdir() if path.is_file()}
    assert kept == {str(one.file_id) for one in made}


async def test_two_contents_in_two_encodings_at_once_have_two_numbers(
    settings: Settings, unguarded_rows: OwnerRows
) -> None:
    shop = await _shop()
    ana, bia = a_person(shop, "Ana", Role.ACCOUNTANT), a_person(shop, "Bia", Role.ACCOUNTANT)
    for account in (Account.PSE_CLEARING, Account.SALES, Account.OUTPUT_VAT):
        await _map(shop, account, f"1.{account}")
    proposed = await closing.propose(ana, _month(), "Nights before we began.", a_key(), CAUSE)
    await closing.confirm(bia, proposed.id, CAUSE)
    wanted = [
        WantedJournal(_month(), form, encoding)
        for form, encoding in (
            (JournalFormat.CSV, Encoding.UTF_8),
            (JournalFormat.XERO, Encoding.GB18030),
            (JournalFormat.QUICKBOOKS, Encoding.UTF_8),
        )
    ]
    made = await asyncio.gather(*(_alone(export.export(ana, one, a_key(), settings, CAUSE)) for one in wanted))
    assert sorted(one.number or 0 for one in made) == [1, 2, 3]
    again = WantedJournal(
        _month(), JournalFormat.QUICKBOOKS, Encoding.GB18030
    )  # the same in the other one has its number
    assert (await export.export(bia, again, a_key(), settings, CAUSE)).number == made[2].number
    assert [one for one in await invariants.check() if one.name.startswith("journals")] == []
    await unguarded_rows("UPDATE journal_batches SET number = $1 WHERE id = $2", made[0].number, made[1].id)
    assert [one.name.split(":")[0] for one in await invariants.check()] == ["journals"]


async def test_only_who_keeps_the_books_of_all_stores_makes_one_or_sets_an_account(settings: Settings) -> None:
    shop = await _shop()
    auditor = a_person(shop, "Eva", Role.AUDITOR)
    with pytest.raises(Forbidden):
        await export.export(auditor, WantedJournal(_month(), JournalFormat.CSV), a_key(), settings, CAUSE)
    with pytest.raises(Forbidden):
        await mapping.set_account(auditor, For(Account.SALES), Theirs("1", "x"), a_key(), CAUSE)
    ana = a_person(shop, "Ana", Role.ACCOUNTANT)
    for number, name in (
        ("=1", "x"),
        ("-1", "x"),
        ("1", "=x"),
        ("1", "@x"),
        ("", "x"),
        ("1", ""),
        ("1", "a\tb"),
        ("1", "x" * 201),
    ):
        with pytest.raises(InvalidInput):
            await mapping.set_account(ana, For(Account.SALES), Theirs(number, name), a_key(), CAUSE)
    other = await a_shop(name="Outra")
    for of in ({"connection_id": other.connection.id}, {"store_id": other.store.id}, {"currency": "XXX"}):
        with pytest.raises(InvalidInput):
            await mapping.set_account(ana, For(Account.SALES, **of), Theirs("1", "x"), a_key(), CAUSE)
    await mapping.set_account(ana, For(Account.SALES), Theirs("1", "x"), a_key(), CAUSE)
    await mapping.set_account(ana, For(Account.SALES), Theirs("2", "y"), a_key(), CAUSE)
    assert [(one.number, one.name) async for one in mapping.readable(ana)] == [("2", "y")]
    await mapping.set_account(ana, For(Account.SALES), None, a_key(), CAUSE)
    assert await mapping.readable(ana).count() == 0
    with pytest.raises(InvalidInput, match="Nothing was booked"):
        await export.export(
            ana,
            WantedJournal(Month.of(_month().first_day - timedelta(days=1)), JournalFormat.CSV),
            a_key(),
            settings,
            CAUSE,
        )


async def test_a_month_that_was_closed_with_the_first_one_has_a_number_too(settings: Settings) -> None:
    shop = await a_shop()
    before = Month.of(_month().first_day - timedelta(days=1))
    await a_payment(shop, days_ago=(utc_today() - before.first_day).days - 2)
    for account, number in ((Account.PSE_CLEARING, "1.1"), (Account.SALES, "3.1")):
        await _map(shop, account, number)
    wanted, ana = WantedJournal(before, JournalFormat.CSV), _keeper(shop)
    assert (await export.export(ana, wanted, a_key(), settings, CAUSE)).number is None
    proposed = await closing.propose(ana, _month(), "x", a_key(), CAUSE)
    await closing.confirm(a_person(shop, "Bia", Role.ACCOUNTANT), proposed.id, CAUSE)
    first = await export.export(ana, wanted, a_key(), settings, CAUSE)
    assert first.number == 1
    assert await export.export(ana, wanted, a_key(), settings, CAUSE) == first
