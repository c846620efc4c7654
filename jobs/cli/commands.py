"""What the commands do. Each raises an error whose message is one sentence that says what to do."""

import asyncio
import getpass
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
from tortoise.exceptions import OperationalError

from domain import invariants
from domain.access import holders, tokens
from domain.access.tokens import Role
from domain.addresses import names
from domain.books import checkpoints, open_items
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.history import seals
from domain.history.seals import Head, Tampered
from domain.invariants import BrokenInvariant
from domain.keys import trial
from domain.keys.trial import WrongKey
from domain.models import Connection, Finding, HandedReport, Merchant, ReconciliationRun
from domain.money import Money
from domain.platform import bell, data_keys, database
from domain.platform.bell import BellError
from domain.platform.database import OPERATOR, DatabaseError, connected
from domain.platform.migrate import pending
from domain.platform.migrate import run as bring_up_to_date
from domain.platform.secrets import Unsealable
from domain.platform.settings import Settings
from domain.platform.wrapping import KeyServiceAway
from domain.problems import InvalidInput, Problem
from domain.reconciliation import handed_in as reports
from domain.reconciliation.handed_in import Became, Came, HandedInBy
from domain.reconciliation.nights import FutureDate, refuse_future
from jobs import handed_in, reconciliation
from jobs.demo.client import DemoError
from jobs.demo.stage import StageError
from jobs.machine.up import CHECKOUT, as_running, try_key
from jobs.synth import fill
from jobs.synth.fill import SynthError, WantedRefunds
from jobs.wire.sender import Sender

_SCHEMA: Final = CHECKOUT / "schema.graphql"


class CommandError(RuntimeError):
    """The command cannot be done as it was given."""


ERRORS: Final = (
    CommandError,
    Problem,
    FutureDate,
    DatabaseError,
    BellError,
    StageError,
    DemoError,
    SynthError,
    WrongKey,
    Unsealable,
    KeyServiceAway,
)


def ready(settings: Settings, *, need_redis: bool = True, need_key: bool = True) -> Settings:
    """The settings, if database and Valkey are there, the database is up to date, and our key opens what it holds.

    Raises one of ERRORS.
    """
    settings = as_running(settings)
    data_keys.configure(settings)
    names.open_places(settings.private_hosts)
    if not settings.database_url or (need_redis and not settings.redis_url):
        raise CommandError("Set DATABASE_URL and REDIS_URL, or start `estorno up`, which brings servers of its own.")
    lacking = asyncio.run(pending(settings.database_url))
    if lacking:
        raise CommandError(f"The database lacks {', '.join(lacking)}; run `estorno migrate` first.")
    if need_key:
        asyncio.run(try_key(settings))
    if need_redis:
        asyncio.run(_ring(settings.redis_url))
    return settings


async def _ring(redis_url: str) -> None:
    await bell.connect(redis_url)
    await bell.close()


def need_checkout(command: str) -> None:
    """Raises CommandError where only the packages are installed."""
    if not (CHECKOUT / "tests" / "sandbox").is_dir():
        raise CommandError(f"`estorno {command}` needs the checkout, which is not here: clone the repository.")


def migrate(settings: Settings) -> list[str]:
    """The names of the migrations that were applied."""
    if not settings.database_url:
        raise CommandError("Set DATABASE_URL (and ESTORNO_OWNER_DATABASE_URL), or use `estorno up`.")
    return asyncio.run(
        bring_up_to_date(
            settings.owner_url, database.user_of(settings.database_url), provider=bool(settings.oidc_issuer)
        )
    )


def schema(*, check: bool) -> str:
    """Print the schema to its file, or say whether the file is up to date."""
    need_checkout("schema")
    done = subprocess.run(
        [sys.executable, "-m", "api.graphql.schema"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise CommandError(f"The schema cannot be printed: {done.stderr.strip()[-500:]}")
    if check and (not _SCHEMA.exists() or _SCHEMA.read_text() != done.stdout):
        raise CommandError("schema.graphql is out of date; run `make schema` and commit it.")
    if not check:
        _SCHEMA.write_text(done.stdout)
    return f"{_SCHEMA.name} is up to date."


def check(settings: Settings, *, chain: bool, heads: Sequence[str]) -> tuple[Sequence[BrokenInvariant], Sequence[str]]:
    """What is broken, and what should not stay so."""
    known = [_head(text) for text in heads]

    async def look() -> tuple[Sequence[BrokenInvariant], Sequence[str]]:
        async with connected(settings.database_url, pool_max=2, all_because=OPERATOR):
            broken = [BrokenInvariant(name, detail) for name, detail in await trial.wrong(settings.secret_key)]
            broken += await invariants.check()
            if chain:
                broken += [_as_broken(one) for one in await seals.verify(known)]
            return broken, await invariants.warnings()

    return asyncio.run(look())


def _as_broken(one: Tampered) -> BrokenInvariant:
    return BrokenInvariant(
        "chain: events are as they were sealed", f"merchant {one.merchant_id} at {one.position}: {one.what}"
    )


def _head(text: str) -> Head:
    merchant, _, rest = text.partition(":")
    position, _, digest = rest.partition(":")
    try:
        return Head(UUID(merchant), int(position), digest.lower())
    except ValueError:
        raise CommandError(f"--head takes MERCHANT:POSITION:HASH, not {text[:80]!r}.") from None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The run, and its findings as rows of text; of a report that was brought its row. None: there is none."""

    run: ReconciliationRun | None
    findings: list[tuple[str, ...]]
    brought: HandedReport | None = None


def reconcile(settings: Settings, connection: str, day: str, file: Path | None = None) -> Reconciled:
    """Run a night. `file`: its report, where no PSE gives it to a program; it waits for another person first."""
    if file is not None and not file.is_file():
        raise CommandError(f"There is no file {file}.")
    try:
        business_date = date.fromisoformat(day)
    except ValueError:
        raise CommandError(f"{day!r} is no date; write YYYY-MM-DD.") from None
    return asyncio.run(_reconcile(settings, connection, business_date, file))


async def _reconcile(settings: Settings, connection: str, business_date: date, file: Path | None) -> Reconciled:
    sender = Sender(settings.secret_key, settings.send_limit_seconds)
    async with connected(settings.database_url, pool_max=5, all_because=OPERATOR):
        await bell.connect(settings.redis_url)
        try:
            found: Connection = await one(Connection, connection, "connection")
            await refuse_future(found, business_date)
            digest = None if file is None else await asyncio.to_thread(handed_in.digest_of, file)
            await _note_reconciling(found, business_date, digest)
            if file is not None:
                assert digest is not None, "A file has a digest."
                return await _brought(found, business_date, file, digest, sender)
            return await _told(await reconciliation.run(found.id, business_date, sender))
        finally:
            await sender.close()
            await bell.close()


async def _brought(connection: Connection, day: date, file: Path, digest: str, sender: Sender) -> Reconciled:
    """The file is judged and waits; once another person has said yes to it, the same command enters it."""
    size = (await asyncio.to_thread(file.stat)).st_size
    came = Came(HandedInBy.COMMAND, file.name, size, digest)
    row = await reports.brought(connection, came, day, operator())
    if row.state == Became.WAITING:
        await handed_in.enter(row, file, sender)
    if row.run_id is None:
        return Reconciled(None, [], row)
    return replace(await _told(await ReconciliationRun.get(id=row.run_id)), brought=row)


async def _told(run: ReconciliationRun) -> Reconciled:
    found = await Finding.filter(run_id=run.id, resolved_at=None).order_by("created_at", "id")
    told = [(row.kind, str(Money(row.amount, row.currency)), row.explanation, row.action) for row in found]
    return Reconciled(run, [tuple(one) for one in told])


async def _note_reconciling(connection: Connection, business_date: date, digest: str | None) -> None:
    """What a person asks for, before it is done; of a file that they hand in its digest."""
    what = {"date": [None, business_date.isoformat()], "file_sha256": [None, digest]}
    async with database.transaction():
        await deeds.note(connection.merchant_id, "reconcile", Of("connection", connection.id), operator(), what)


def synth(settings: Settings, refunds: int, merchants: int, seed: int, told: Callable[[int], None]) -> None:
    """Fill the database with a made-up year that ends now; `told` hears how many refunds are in it."""
    wanted = WantedRefunds(refunds, merchants, datetime.now(UTC), seed)

    async def work() -> None:
        await fill.fill(settings.owner_url, wanted, settings.secret_key, told)
        async with connected(settings.database_url, pool_max=2, all_because=OPERATOR):
            await checkpoints.cut()
            await open_items.cut()

    asyncio.run(work())


def create_token(settings: Settings, merchant: str, role: str, holder: str, hours: int) -> str:
    """The token in clear."""
    if role not in Role.__members__:
        raise CommandError(f"There is no role {role!r}; there are {', '.join(Role)}.")
    try:
        holder = holders.checked_name(holder, ["holder"])
    except InvalidInput as error:
        raise CommandError(f"--holder takes the name of the person or program. {error}") from error

    async def make() -> str:
        # As the owner of the database: its application gives nobody anything by itself.
        async with connected(settings.owner_url, pool_max=2, all_because=OPERATOR):
            found: Merchant = await one(Merchant, merchant, "merchant")
            return await tokens.create_token(found.id, Role[role], holder, timedelta(hours=hours), operator())

    try:
        return asyncio.run(make())
    except OperationalError as error:
        if not isinstance(error.__cause__, asyncpg.InsufficientPrivilegeError):
            raise
        raise CommandError(
            "The database's application gives nobody anything by itself: set ESTORNO_OWNER_DATABASE_URL, as its owner "
            "(docs/operations.md says how under Docker), or ask the API for a token (tokenCreate)."
        ) from error


def operator() -> Cause:
    """Who works at the command line of this machine: the system's name of them is all that is known."""
    try:
        who = getpass.getuser()
    except (OSError, KeyError):
        who = "unknown"
    return Cause(f"command-{uuid4()}", f"command line: {who}@{socket.gethostname()}"[:200])


async def one(model: Any, given: str, noun: str) -> Any:
    """The row of that id, or of that name where it is the only one. Raises CommandError."""
    try:
        found = await model.filter(id=UUID(given))
    except ValueError:
        found = await model.filter(name=given).limit(2)
    if len(found) != 1:
        many = "more than one" if found else "no"
        raise CommandError(f"There is {many} {noun} {given!r}; name it by its id.")
    return found[0]
