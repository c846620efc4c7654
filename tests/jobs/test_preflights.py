"""A preflight from being asked for to being read: kept, told, and what depends on it."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from domain.findings.findings import FindingKind
from domain.models import Connection, Event, Finding, PreflightRun, Refund
from domain.models.refunds import State
from domain.onboarding import certificates, preflight, runs
from domain.platform import secrets
from domain.pse.checking import CheckCode, CheckOutcome
from domain.refunds import refused
from jobs import onboarding
from tests.conftest import Database
from tests.kit.accounts import ACCOUNTS
from tests.kit.factories import CAUSE, KEY, OwnerRows, a_refund
from tests.kit.world import World, a_world
from tests.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("books")


async def _preflight(world: World) -> tuple[PreflightRun, dict[str, str]]:
    connection = world.shop.connection
    run = await preflight.ask_for(world.shop.id, connection.id, CAUSE)
    await onboarding.run_preflight(run.id, world.sender, world.settings)
    checks = (await preflight.checks_of([run.id])).get(run.id, [])
    return await PreflightRun.get(id=run.id), {check.code: check.outcome for check in checks}


async def _open(kind: FindingKind) -> list[str]:
    return [row.explanation for row in await Finding.filter(kind=kind.value, resolved_at=None).order_by("created_at")]


async def test_a_preflight_is_kept_and_what_failed_is_a_finding_until_it_passes(
    books: Database, sandbox: SandboxClient
) -> None:
    async with a_world(sandbox.at("stripe")) as world:
        await world.sandbox.post("account", active=False, callback=False)
        run, checks = await _preflight(world)
        assert (run.outcome, run.due_at) == ("FAILED", None)
        assert len(checks) == len(CheckCode)
        assert {code for code, outcome in checks.items() if outcome == "FAILED"} == {
            "MERCHANT_ACTIVE",
            "CALLBACK_REGISTERED",
        }
        assert len(await _open(FindingKind.PREFLIGHT_FAILED)) == 2
        await world.sandbox.post("account")
        run, checks = await _preflight(world)
        assert (run.outcome, set(checks.values())) == ("PASSED", {"PASSED"})
        assert await _open(FindingKind.PREFLIGHT_FAILED) == []


async def test_a_clock_that_is_half_a_minute_off_fails(books: Database, sandbox: SandboxClient) -> None:
    async with a_world(sandbox.at("stripe")) as world:
        await world.sandbox.post("account", skew_seconds=-45)
        run, checks = await _preflight(world)
        assert (run.outcome, checks["CLOCK"]) == ("FAILED", "FAILED")


async def test_one_preflight_of_a_connection_runs_at_a_time_and_a_lost_one_is_made_again(
    books: Database, sandbox: SandboxClient, owner_rows: OwnerRows
) -> None:
    async with a_world(sandbox.at("stripe")) as world:
        connection = world.shop.connection
        first = await preflight.ask_for(world.shop.id, connection.id, CAUSE)
        assert (await preflight.ask_for(world.shop.id, connection.id, CAUSE)).id == first.id
        assert await runs.take(PreflightRun, first.id, preflight.LEASE_SECONDS) is not None
        await onboarding.run_preflight(first.id, world.sender, world.settings)  # somebody else has it
        assert (await PreflightRun.get(id=first.id)).outcome is None
        await owner_rows("UPDATE preflight_runs SET due_at = now()")  # its worker died, and the lease is over
        await onboarding.run_preflight(first.id, world.sender, world.settings)
        assert (await PreflightRun.get(id=first.id)).outcome == "PASSED"


async def test_each_connection_has_its_turn_once_a_day_and_one_that_is_refused_more_often(
    books: Database, sandbox: SandboxClient, owner_rows: OwnerRows
) -> None:
    async with a_world(sandbox.at("stripe")) as world:
        wanting = [one.id for one in await preflight.wanting()]
        assert wanting == [world.shop.connection.id]
        await _preflight(world)
        earlier = "UPDATE preflight_runs SET created_at = created_at - $1::text::interval"
        await owner_rows(earlier, "20 minutes")
        assert await preflight.wanting() == []
        await refused.mark(world.shop.connection, "INVALID_KEY")
        assert len(await preflight.wanting()) == 1
        await refused.lift(await Connection.get(id=world.shop.connection.id))
        await owner_rows(earlier, "1 day")
        assert await onboarding.ring_the_preflights() == 1


# A key that is refused


async def _until_refused(world: World, refund: Refund) -> Connection:
    for _ in range(refused.IN_A_ROW):
        await world.step(refund)
    return await Connection.get(id=world.shop.connection.id)


@pytest.mark.parametrize("pse", ["adyen", "conekta", "dlocal", "ebanx", "mercadopago", "pix", "stripe"])
async def test_a_key_that_is_refused_again_and_again_makes_its_refunds_wait_with_a_reason(
    books: Database, sandbox: SandboxClient, pse: str
) -> None:
    async with a_world(sandbox.at(pse)) as world:
        await world.sandbox.post("account", key="refused")
        refund = await a_refund(world.shop, await world.payment())
        connection = await _until_refused(world, refund)
        assert refused.stands(connection)
        (finding,) = await _open(FindingKind.CONNECTION_REFUSED)
        assert f"{pse} refuses our access" in finding
        other = await a_refund(world.shop, await world.payment())
        asked = len((await world.sandbox.get("requests"))["requests"])
        waiting = await world.step(other)
        assert waiting.state is State.REQUESTED
        assert len((await world.sandbox.get("requests"))["requests"]) == asked  # nobody knocks
        wait = (await refused.of_refunds([other.id]))[other.id]
        assert wait.code == "KEY_REFUSED"
        assert f"{pse} refuses our access since" in wait.message
        for secret in ACCOUNTS[pse].secrets.values():
            assert secret not in wait.message
        await world.step(other)
        assert await Event.filter(refund_id=other.id, code="KEY_REFUSED").count() == 1

        await world.sandbox.post("account")
        _, checks = await _preflight(world)
        assert checks["CREDENTIALS"] == "PASSED"
        assert await _open(FindingKind.CONNECTION_REFUSED) == []
        due_at = (await Refund.get(id=other.id)).due_at
        assert due_at is not None
        assert due_at <= datetime.now(UTC)
        assert (await world.step(other)).state in (State.SUCCEEDED, State.PENDING)
        assert await refused.of_refunds([other.id]) == {}


async def test_other_secrets_are_tried_at_once(books: Database, sandbox: SandboxClient) -> None:
    async with a_world(sandbox.at("stripe")) as world:
        connection = world.shop.connection
        await Connection.filter(id=connection.id).update(sealed_secrets=_sealed(connection, api_key="sk_test_wrong"))
        refund = await a_refund(world.shop, await world.payment())
        assert refused.stands(await _until_refused(world, refund))
        await Connection.filter(id=connection.id).update(sealed_secrets=_sealed(connection))
        assert (await world.step(refund)).state is State.SUCCEEDED
        assert (await Connection.get(id=connection.id)).refused_since is None


async def test_a_refusal_between_answers_marks_nobody(books: Database, sandbox: SandboxClient) -> None:
    async with a_world(sandbox.at("stripe")) as world:
        for key in ("refused", "ok") * 3:
            await world.sandbox.post("account", key=key)
            refund = await a_refund(world.shop, await world.payment())
            for _ in range(2):
                await world.step(refund)
        assert (await Connection.get(id=world.shop.connection.id)).refused_since is None


async def test_a_preflight_that_says_that_the_key_may_not_refund_holds_its_refunds_before_the_first(
    books: Database, sandbox: SandboxClient
) -> None:
    async with a_world(sandbox.at("stripe")) as world:
        await world.sandbox.post("account", key="no_refunds")
        run, checks = await _preflight(world)
        assert (run.outcome, checks["MAY_REFUND"]) == ("FAILED", "FAILED")
        refund = await a_refund(world.shop, await world.payment())
        await world.step(refund)
        assert (await refused.of_refunds([refund.id]))[refund.id].code == "KEY_REFUSED"


async def test_a_pse_that_does_not_answer_is_said_on_the_refund_and_since_when(
    books: Database, sandbox: SandboxClient
) -> None:
    async with a_world(sandbox.at("stripe")) as world:
        await Connection.filter(id=world.shop.connection.id).update(base_url="http://127.0.0.1:9/v1")
        refund = await a_refund(world.shop, await world.payment())
        for _ in range(7):
            await world.step(refund)
        wait = (await refused.of_refunds([refund.id]))[refund.id]
        assert wait.code == "PSE_RESTING"
        assert f"not answering since {datetime.now(UTC):%Y-%m-%d}" in wait.message


def _sealed(connection: Connection, **changed: str) -> bytes:
    values = {**ACCOUNTS["stripe"].secrets, **changed}
    return secrets.seal(KEY, values, f"connections/{connection.id}")


# Certificates


def _pem(ends_at: datetime) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loja")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(ends_at - timedelta(days=365)).not_valid_after(ends_at)
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


async def test_a_certificate_is_announced_thirty_seven_and_one_day_before_its_end_once_each(
    books: Database, sandbox: SandboxClient
) -> None:
    async with a_world(sandbox.at("stripe")) as world:
        connection = world.shop.connection
        ends_at = datetime(2027, 3, 31, 12, tzinfo=UTC)
        found = certificates.certificates_in({"client_certificate": _pem(ends_at), "client_key": "no certificate"})
        told: list[int] = []
        for days in (30, 29, 20, 7, 6, 1, 0):
            now = ends_at - timedelta(days=days, seconds=-1)
            await preflight.announce(connection, found, now)
            told.append(await Finding.filter(kind="EXPIRES_SOON").count())
        assert told == [1, 1, 1, 2, 2, 3, 3]
        assert len(await _open(FindingKind.EXPIRES_SOON)) == 1
        await preflight.announce(connection, certificates.certificates_in({"a": _pem(ends_at + timedelta(400))}), now)
        assert await _open(FindingKind.EXPIRES_SOON) == []


@pytest.mark.parametrize(("days", "outcome"), [(40, CheckOutcome.PASSED), (-1, CheckOutcome.FAILED)])
def test_a_certificate_that_has_ended_fails(days: int, outcome: CheckOutcome) -> None:
    now = datetime.now(UTC)
    found = certificates.certificates_in({"client_certificate": _pem(now + timedelta(days=days))})
    assert certificates.check(found, now).outcome is outcome
