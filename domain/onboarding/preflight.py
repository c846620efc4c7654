"""The preflight of a connection: what its PSE says before money depends on it, kept, and told to who can mend it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from domain.access.principal import Whose
from domain.cause import Cause
from domain.connections.connections import nothing_at_stake
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, Finding, PreflightCheck, PreflightRun
from domain.onboarding import runs
from domain.onboarding.certificates import Certificate
from domain.platform import pace
from domain.platform.database import rows, transaction
from domain.pse.checking import CheckCode, Checked, CheckOutcome, PseAccount
from domain.refunds import refused

LEASE_SECONDS: Final = 300.0
CLOCK_SECONDS_MAX: Final = 30.0  # how far a PSE's clock may be from ours: signatures carry the time
_DAY_SECONDS: Final = 24 * 3600.0
_REFUSED_SECONDS: Final = 15 * 60.0  # how often a connection that is refused is asked about by itself
_SAID_MAX: Final = 2_000
_TO_DO_MAX: Final = 500


async def ask_for(whose: Whose, connection_id: UUID, cause: Cause) -> PreflightRun:
    """Have the connection's preflight run now; one that runs already is given. Raises NotFound, RateLimited."""
    connection = await runs.managed(whose, connection_id)
    async with transaction():
        await pace.keep({f"preflight/{connection.id}": pace.PREFLIGHTS_OF_CONNECTION}, "preflights")
        return await runs.begin(PreflightRun, connection, cause)


async def account_of(connection: Connection, webhook_url: str | None) -> PseAccount:
    """What its PSE is asked about."""
    return PseAccount(
        base_url=connection.base_url,
        client_id=connection.client_id,
        currencies=await _currencies(connection),
        webhook_url=webhook_url,
        token_url=connection.token_url,
        report_url=connection.report_url,
    )


async def _currencies(connection: Connection) -> frozenset[str]:
    """Those of the newest payments; of a connection without any, its merchant's own."""
    found = await rows(
        "SELECT DISTINCT currency FROM (SELECT currency FROM payments WHERE connection_id = $1 LIMIT 1000) AS p",
        connection.id,
    )
    return frozenset(row["currency"] for row in found) or frozenset({(await nothing_at_stake(connection)).currency})


def clock(seconds: Sequence[float]) -> Checked:
    """What the PSE's answers say of the clocks: by how many seconds its own is before ours, or behind (negative)."""
    if not seconds:
        return Checked(CheckCode.CLOCK, CheckOutcome.UNKNOWN, "No answer said what time it is.", "")
    worst = max(seconds, key=abs)
    saw = f"The PSE's clock and ours are {abs(worst):.0f} seconds apart."
    if abs(worst) <= CLOCK_SECONDS_MAX:
        return Checked(CheckCode.CLOCK, CheckOutcome.PASSED, saw, "")
    side = "behind" if worst > 0 else "before"
    said = f"{saw} Ours is {side} it; {CLOCK_SECONDS_MAX:.0f} seconds are too many for signatures."
    return Checked(CheckCode.CLOCK, CheckOutcome.FAILED, said, "Set this machine's clock by NTP, and look again.")


def outcome_of(checks: Sequence[Checked]) -> CheckOutcome:
    """FAILED where one failed; PASSED where the PSE knows the key and nothing is unknown; else UNKNOWN."""
    outcomes = {check.code: check.outcome for check in checks}
    if CheckOutcome.FAILED in outcomes.values():
        return CheckOutcome.FAILED
    known = outcomes.get(CheckCode.CREDENTIALS) is CheckOutcome.PASSED
    return CheckOutcome.UNKNOWN if not known or CheckOutcome.UNKNOWN in outcomes.values() else CheckOutcome.PASSED


async def finish(run: PreflightRun, connection: Connection, checks: Sequence[Checked]) -> None:
    """Keep what was seen, and open and close the findings that say so; a refused key is stepped around from now on."""
    async with transaction():
        if not await runs.end(PreflightRun, run.id, outcome_of(checks).value):
            return  # another worker was quicker
        now = datetime.now(UTC)
        await PreflightCheck.bulk_create(
            [
                PreflightCheck(
                    run_id=run.id,
                    code=check.code.value,
                    outcome=check.outcome.value,
                    saw=_plain(check.saw),
                    what_to_do=check.what_to_do[:_SAID_MAX],
                    at=now,
                )
                for check in checks
            ]
        )
        for check in checks:
            await _tell(connection, check)
    await _step_around(connection, {check.code: check for check in checks})


async def fail(run: PreflightRun, why: str) -> None:
    """The run could not be made; `why` is a sentence."""
    await runs.end(PreflightRun, run.id, CheckOutcome.UNKNOWN.value, why[:_SAID_MAX])


async def _tell(connection: Connection, check: Checked) -> None:
    name = f"preflight/{connection.id}/{check.code.value}"
    if check.outcome is CheckOutcome.FAILED:
        await _open(
            connection, FindingKind.PREFLIGHT_FAILED, name, f"{check.code.value}: {check.saw}", check.what_to_do
        )
    elif check.outcome is CheckOutcome.PASSED:
        await findings.resolve(connection.merchant_id, name, f"A preflight passed: {check.saw}")


async def _step_around(connection: Connection, checks: dict[CheckCode, Checked]) -> None:
    """A key that is refused, or one that is taken again, is known by this better than by any refund."""
    shut = [CheckCode.CREDENTIALS, CheckCode.EGRESS_ADDRESS, CheckCode.MAY_REFUND]
    failed = [checks[code] for code in shut if code in checks and checks[code].outcome is CheckOutcome.FAILED]
    if failed:
        await refused.mark(connection, failed[0].saw)
    elif checks[CheckCode.CREDENTIALS].outcome is CheckOutcome.PASSED:
        await refused.lift(await Connection.get(id=connection.id))


async def announce(connection: Connection, certificates: Sequence[Certificate], now: datetime) -> None:
    """Tell of each certificate that ends within 30, 7 and 1 days, once each; what was replaced is told no longer."""
    current: set[str] = set()
    for one in certificates:
        days = one.announcement(now)
        if days is None:
            continue
        name = f"expires/{connection.id}/{one.name}/{one.ends_at:%Y-%m-%d}/{days}"
        current.add(name)
        said = f"{one.name} of {connection.name} ends at {one.ends_at:%Y-%m-%d %H:%M} UTC: within {days} days."
        await _open(connection, FindingKind.EXPIRES_SOON, name, said)
    kind = FindingKind.EXPIRES_SOON.value
    for old in await Finding.filter(connection_id=connection.id, kind=kind, resolved_at=None):
        if old.fingerprint not in current:
            await findings.resolve(connection.merchant_id, old.fingerprint, "Replaced, or told of again.")


async def _open(
    connection: Connection, kind: FindingKind, name: str, explanation: str, action: str | None = None
) -> None:
    await findings.open_finding(
        Found(
            kind=kind,
            merchant_id=connection.merchant_id,
            connection_id=connection.id,
            fingerprint=name,
            amount=await nothing_at_stake(connection),
            explanation=_plain(explanation),
            action=action[:_TO_DO_MAX] if action else None,
            again=kind is FindingKind.PREFLIGHT_FAILED,
        )
    )


def _plain(text: str) -> str:
    return text.replace("\x00", "")[:_SAID_MAX]  # PostgreSQL keeps no such character, and a PSE may send one


async def wanting() -> Sequence[Connection]:
    """The connections whose turn it is: asked about daily, and those that are refused every quarter of an hour."""
    found = await rows(
        "SELECT c.id FROM connections c LEFT JOIN LATERAL ("
        "  SELECT created_at FROM preflight_runs WHERE connection_id = c.id ORDER BY created_at DESC, id DESC LIMIT 1"
        ") AS last ON true WHERE c.enabled AND (last.created_at IS NULL OR last.created_at < now() - "
        "  make_interval(secs => CASE WHEN c.refused_since IS NULL THEN $1::float8 ELSE $2::float8 END))",
        _DAY_SECONDS,
        _REFUSED_SECONDS,
    )
    return await Connection.filter(id__in=[row["id"] for row in found]) if found else []


async def checks_of(run_ids: Sequence[UUID]) -> dict[UUID, list[PreflightCheck]]:
    """The checks of each run, in the order in which a person reads them."""
    order = {code.value: place for place, code in enumerate(CheckCode)}
    found: dict[UUID, list[PreflightCheck]] = {}
    for row in await PreflightCheck.filter(run_id__in=list(run_ids)):
        found.setdefault(row.run_id, []).append(row)
    return {run: sorted(checks, key=lambda one: order.get(one.code, len(order))) for run, checks in found.items()}


async def newest_of(connection_ids: Sequence[UUID]) -> dict[UUID, PreflightRun]:
    """Each connection's newest preflight that has ended."""
    return await runs.newest_of(PreflightRun, connection_ids)
