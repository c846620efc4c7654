"""Telling: what is to be said is written down first, and said to an endpoint in as few messages as it takes.

While something that was posted to a robot or a mailbox still waits to be sent there, nothing more is posted: what comes
up meanwhile goes together into the next message. So a robot's limit is kept by saying less often, not by saying less.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from domain.alerts import kinds, plan, rules, words
from domain.alerts.plan import PlannedMessage, Reached
from domain.alerts.rules import HeldRule
from domain.alerts.words import AlertReader, Section
from domain.deliveries.channels.channel import Message
from domain.deliveries.opened import address_of
from domain.deliveries.post import post
from domain.models import Alert, Connection, Endpoint, Merchant
from domain.models.alerts import AlertKind, Severity, What
from domain.models.deliveries import EndpointKind, EndpointState
from domain.platform import bell
from domain.platform.database import execute, for_merchant, rows, transaction, unavailable
from domain.platform.secrets import Unsealable
from domain.platform.settings import Settings
from domain.platform.wrapping import KeyServiceAway

OPENED: Final = "alert.opened"
RESOLVED: Final = "alert.resolved"
_SAID_TOGETHER_MAX: Final = 30  # alerts in one message
_ENDPOINTS_MAX: Final = 500
_LANGUAGE: Final = "language"
# One incident is one message there, or acknowledging one would acknowledge all.
_ONE_BY_ONE: Final = frozenset({EndpointKind.PAGERDUTY})
_NOTE: Final = """INSERT INTO alert_notices (merchant_id, alert_id, endpoint_id, what, number, due_at, made_at)
SELECT $1, $2, t.endpoint_id, $3, $4, t.due_at, now()
FROM unnest($5::uuid[], $6::timestamptz[]) AS t(endpoint_id, due_at) ON CONFLICT DO NOTHING"""
_TOLD: Final = """UPDATE alerts SET told_at = coalesce(told_at, now()), said_at = now(), told_count = count,
  notices = notices + 1, escalated = $3, resolved_told = $4 WHERE id = $1 AND notices = $2"""
# What was to be said of what is over by now need not be, unless it is just that.
_DROP: Final = """UPDATE alert_notices n SET due_at = NULL FROM alerts a WHERE a.id = n.alert_id
  AND n.due_at IS NOT NULL AND n.what <> 'RESOLVED' AND a.resolved_at IS NOT NULL"""
_UNTOLD: Final = """UPDATE alerts a SET resolved_told = true WHERE a.resolved_at IS NOT NULL AND NOT a.resolved_told
  AND NOT EXISTS (SELECT 1 FROM alert_notices n WHERE n.alert_id = a.id AND n.said_at IS NOT NULL)"""
# Of what is over and says nothing of its end (a moment, what is INFO by now) nothing is ever said again.
_SILENT: Final = "UPDATE alerts SET resolved_told = true WHERE id = ANY($1) AND resolved_at IS NOT NULL"
_WHO: Final = """SELECT alert_id, array_agg(DISTINCT endpoint_id) AS endpoints FROM alert_notices
WHERE alert_id = ANY($1) AND said_at IS NOT NULL GROUP BY alert_id"""
_DUE: Final = """SELECT DISTINCT n.endpoint_id FROM alert_notices n JOIN endpoints e ON e.id = n.endpoint_id
WHERE n.due_at <= now() AND e.state = 'ACTIVE' AND (e.kind = 'PAGERDUTY' OR NOT EXISTS (SELECT 1 FROM deliveries d
  WHERE d.endpoint_id = e.id AND d.state = 'PENDING' AND starts_with(d.type, 'alert.'))) LIMIT $1"""
_TAKE: Final = """SELECT id, alert_id, what, due_at FROM alert_notices WHERE endpoint_id = $1 AND due_at <= now()
ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED"""
_SAY: Final = "UPDATE alert_notices SET said_at = now(), due_at = NULL, delivery_id = $2 WHERE id = ANY($1)"
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Scene:
    """All that planning needs of one merchant."""

    merchant: Merchant
    own: Sequence[HeldRule]
    endpoints: Sequence[Reached]


async def note(held: Mapping[UUID, Sequence[HeldRule]], now: datetime) -> int:
    """Write down what is to be said, for all merchants; how many alerts something is to be said of."""
    await execute(_DROP)
    await execute(_UNTOLD)
    open_ones = await Alert.filter(resolved_at=None)
    over = await Alert.filter(resolved_at__isnull=False, resolved_told=False)
    scenes = await _scenes({one.merchant_id for one in (*open_ones, *over)}, held)
    beside: dict[UUID | None, set[AlertKind]] = defaultdict(set)
    for alert in open_ones:
        if alert.connection_id is not None:
            beside[alert.connection_id].add(alert.kind)
    told = {row["alert_id"]: frozenset(row["endpoints"]) for row in await rows(_WHO, [one.id for one in over])}
    count = 0
    silent: list[UUID] = []
    for alert in (*open_ones, *over):
        scene = scenes[alert.merchant_id]
        found = plan.said(
            alert,
            scene.own,
            beside[alert.connection_id] if alert.connection_id else (),
            scene.endpoints,
            told.get(alert.id, frozenset()),
            now,
            ZoneInfo(scene.merchant.zone),
        )
        if found is not None and await _write(alert, found):
            count += 1
        if found is None and alert.resolved_at is not None:
            silent.append(alert.id)
    if silent:
        await execute(_SILENT, silent)
    return count


async def _write(alert: Alert, found: PlannedMessage) -> bool:
    """Whether it was ours to write: another process may have planned the same."""
    async with transaction():
        is_over = found.what is What.RESOLVED
        if not await execute(_TOLD, alert.id, alert.notices, found.level, is_over):
            return False
        await execute(
            _NOTE,
            alert.merchant_id,
            alert.id,
            found.what.value,
            alert.notices + 1,
            list(found.due),
            list(found.due.values()),
        )
    return True


async def _scenes(ids: Iterable[UUID], held: Mapping[UUID, Sequence[HeldRule]]) -> Mapping[UUID, _Scene]:
    wanted = list(ids)
    if not wanted:
        return {}
    reached: dict[UUID, list[Reached]] = defaultdict(list)
    people = Endpoint.filter(merchant_id__in=wanted).exclude(kind=EndpointKind.WEBHOOK).exclude(state=EndpointState.OFF)
    for one in await people.order_by("created_at").only("id", "merchant_id", "state", "left_kinds"):
        is_active, left = one.state is EndpointState.ACTIVE, frozenset(one.left_kinds or ())
        reached[one.merchant_id].append(Reached(one.id, is_active, left))
    merchants = await Merchant.filter(id__in=wanted)
    return {one.id: _Scene(one, held.get(one.id, ()), reached[one.id]) for one in merchants}


async def say(settings: Settings) -> int:
    """Post what is due, to each endpoint by itself; how many messages. One that cannot be told holds up no other."""
    count = 0
    for row in await rows(_DUE, _ENDPOINTS_MAX):
        try:
            count += await _say_to(row["endpoint_id"], settings)
        except Exception as error:
            if unavailable(error):
                raise
            _log.exception("alerts.unsaid", endpoint=str(row["endpoint_id"]))
    return count


async def _say_to(endpoint_id: UUID, settings: Settings) -> int:
    endpoint = await Endpoint.get(id=endpoint_id)
    with for_merchant(endpoint.merchant_id):
        reader = await reader_of(endpoint, settings)
        async with transaction():
            due = await rows(_TAKE, endpoint_id, _SAID_TOGETHER_MAX)
            if not due:
                return 0
            last: dict[UUID, Mapping[str, Any]] = {row["alert_id"]: row for row in due}  # the newest of each
            alerts = await Alert.filter(id__in=list(last)).order_by("opened_at", "id")
            groups = [[one] for one in alerts] if endpoint.kind in _ONE_BY_ONE else [_by_weight(alerts)]
            for group in groups:
                message = await message_of([(one, What(last[one.id]["what"])) for one in group], reader, due)
                made = await post(endpoint, message)
                ids = [row["id"] for row in due if row["alert_id"] in {one.id for one in group}]
                await execute(_SAY, ids, made)
    await bell.ring(bell.DELIVER, endpoint_id)
    return len(groups)


def _by_weight(alerts: Iterable[Alert]) -> list[Alert]:
    """What is over last, else the gravest first."""
    return sorted(alerts, key=lambda one: (one.resolved_at is not None, -kinds.WEIGHT[Severity(one.severity)]))


async def message_of(
    told: Sequence[tuple[Alert, What]], reader: AlertReader, due: Sequence[Mapping[str, Any]] = ()
) -> Message:
    """One message of one or more alerts, as a reader reads it."""
    where = await places([one for one, _ in told], reader)
    sections: list[Section] = []
    for alert, what in told:
        minutes = kinds.ESCALATED[max(alert.escalated, 1) - 1].seconds // 60
        sections.append(words.section(alert, what, reader, where[alert.id], minutes))
    first, what = told[0]
    all_over = all(one is What.RESOLVED for _, one in told)
    weight = max(
        (Severity(alert.severity) for alert, one in told if one is not What.RESOLVED or all_over),
        key=kinds.WEIGHT.__getitem__,
    )
    alone = len(told) == 1
    ids = [row["id"] for row in due if row["alert_id"] == first.id] or [0]
    return Message(
        id=f"alert_{first.id.hex}_{max(ids)}",
        type=RESOLVED if all_over else OPENED,
        title=words.heading(sections, reader),
        text=words.text(sections),
        markdown=words.markdown(sections, reader),
        link=sections[0].link if alone else f"{reader.address}/console/news",
        data={"alerts": [{"id": str(alert.id), "kind": alert.kind.value, "what": one.value} for alert, one in told]},
        severity=weight.lower(),
        language=reader.language,
        resolves=all_over,
        key=f"alert/{first.id}" if alone else None,
    )


async def reader_of(endpoint: Endpoint, settings: Settings) -> AlertReader:
    """Who reads at an endpoint: in the language that was said when it was made."""
    merchant = await Merchant.get(id=endpoint.merchant_id)
    try:
        options = (await address_of(endpoint, settings.secret_key)).options
    except (Unsealable, KeyServiceAway):
        options = {}  # it cannot be sent to either, and is said in English when it can
    language = words.language_of(options.get(_LANGUAGE))
    return AlertReader(language, merchant.name, ZoneInfo(merchant.zone), settings.address)


async def places(alerts: Sequence[Alert], reader: AlertReader) -> Mapping[UUID, str]:
    """Where each is, by a name that people know."""
    connections = {one.connection_id for one in alerts if one.connection_id}
    endpoints = {one.endpoint_id for one in alerts if one.endpoint_id}
    known = {one.id: one.name for one in await Connection.filter(id__in=list(connections))} if connections else {}
    known |= {one.id: one.name for one in await Endpoint.filter(id__in=list(endpoints))} if endpoints else {}
    named: dict[UUID, str] = {}
    for one in alerts:
        at = one.connection_id or one.endpoint_id
        tokens = one.kind is AlertKind.EXPIRING and at is None
        elsewhere = reader.word("tokens") if tokens else words.shop_of(one) or reader.merchant
        named[one.id] = known.get(at, reader.merchant) if at else elsewhere
    return named


async def refresh(settings: Settings) -> tuple[int, int]:
    """Write down what is to be said now, and say what is due; how many alerts, and how many messages."""
    noted = await note(await rules.read(), datetime.now(UTC))
    return noted, await say(settings)
