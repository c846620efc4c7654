"""The daily digest: one page at 08:30 of the merchant's clock, of the day before and of what is open; none if empty."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog

from domain.alerts import digest_words as written
from domain.alerts import rules, tell
from domain.alerts.digest_words import DayDigest
from domain.alerts.rules import HeldRule
from domain.alerts.words import AlertReader
from domain.deliveries.channels.channel import Message
from domain.deliveries.post import post
from domain.models import Alert, Endpoint, Merchant
from domain.models.alerts import Mode, Severity
from domain.models.deliveries import EndpointKind, EndpointState
from domain.platform import bell
from domain.platform.database import execute, for_merchant, rows, transaction, unavailable
from domain.platform.settings import Settings

AT: Final = time(8, 30)
TYPE: Final = "alert.digest"
LEFT: Final = "DIGEST"  # among the kinds that a reader has left
OLDEST_MAX: Final = 10
_MARK: Final = """UPDATE alert_marks SET digest_on = $2 WHERE merchant_id = $1
  AND (digest_on IS NULL OR digest_on < $2)"""
# Of the refunds that moved on that day (what is done, failed, came back), and of all that is under way. The sealed
# history is gone back through as far as the day, an hour further for what took long to write: it costs the day.
_REFUNDS: Final = """WITH since AS MATERIALIZED (SELECT coalesce((SELECT s.position FROM event_seals s
    CROSS JOIN LATERAL (SELECT 1 FROM events e WHERE e.id = s.event_id
      AND e.occurred_at < $2::timestamptz - interval '1 hour' OFFSET 0) AS older
    WHERE s.merchant_id = $1 AND s.event_id IS NOT NULL ORDER BY s.position DESC LIMIT 1), 0) AS position),
  moved AS (SELECT e.refund_id, e.state FROM event_seals s CROSS JOIN LATERAL (SELECT o.refund_id, o.state FROM events o
      WHERE o.id = s.event_id AND o.occurred_at >= $2 AND o.occurred_at < $3
        AND o.state IS DISTINCT FROM o.previous_state AND o.state IN ('SUCCEEDED', 'RETURNED', 'FAILED') OFFSET 0) AS e
    WHERE s.merchant_id = $1 AND s.event_id IS NOT NULL AND s.position > (SELECT position FROM since))
SELECT CASE WHEN m.state = 'SUCCEEDED' THEN 'done' WHEN m.state = 'RETURNED' THEN 'returned'
    ELSE 'failed' END AS what, r.currency, count(DISTINCT r.id) AS count, sum(r.amount) AS amount
  FROM moved m CROSS JOIN LATERAL (SELECT o.id, o.currency, o.amount FROM refunds o WHERE o.id = m.refund_id OFFSET 0)
    AS r
  GROUP BY 1, 2
UNION ALL SELECT 'waiting', r.currency, count(*), sum(r.amount) FROM refunds r
  WHERE r.merchant_id = $1 AND r.state IN ('REQUESTED', 'SUBMITTED', 'PENDING') GROUP BY r.currency
UNION ALL SELECT CASE r.state WHEN 'MANUAL' THEN 'by_hand' WHEN 'AWAITING_APPROVAL' THEN 'approval'
    ELSE 'destination' END, r.currency, count(*), sum(r.amount) FROM refunds r
  WHERE r.merchant_id = $1 AND r.state IN ('MANUAL', 'AWAITING_APPROVAL', 'AWAITING_DESTINATION')
  GROUP BY r.state, r.currency
UNION ALL SELECT 'of_shops', coalesce(s.currency, ''), count(*), coalesce(sum(s.amount), 0) FROM shop_refunds s
  WHERE s.merchant_id = $1 AND s.waits_since IS NOT NULL GROUP BY coalesce(s.currency, '')"""
_OLDEST: Final = """SELECT r.reference, r.state::text AS state, r.amount, r.currency, r.created_at, c.name AS connection
FROM refunds r JOIN connections c ON c.id = r.connection_id
WHERE r.merchant_id = $1 AND r.state IN ('REQUESTED', 'SUBMITTED', 'PENDING', 'MANUAL', 'AWAITING_APPROVAL',
  'AWAITING_DESTINATION') AND r.created_at < $2 ORDER BY r.created_at, r.id LIMIT $3"""
_FINDINGS: Final = """SELECT what, currency, count(*) AS count, sum(amount) AS amount FROM (
    SELECT 'opened' AS what, f.currency, f.amount FROM findings f
      WHERE f.merchant_id = $1 AND f.created_at >= $2 AND f.created_at < $3
    UNION ALL SELECT 'worked_off', f.currency, f.amount FROM findings f
      WHERE f.merchant_id = $1 AND f.resolved_at >= $2 AND f.resolved_at < $3
    UNION ALL SELECT 'open', f.currency, f.amount FROM findings f WHERE f.merchant_id = $1 AND f.resolved_at IS NULL
  ) AS all_of_them GROUP BY what, currency"""
_log = structlog.get_logger()


async def send(settings: Settings, now: datetime) -> int:
    """Post the digest of each merchant whose morning it is and who has had none today; how many were posted.

    One that cannot be written holds up no other. `now` is UTC.
    """
    count, held = 0, await rules.read()
    for merchant in await _whose_morning(now):
        try:
            with for_merchant(merchant.id):
                count += await _send_to(merchant, held.get(merchant.id, ()), settings, now)
        except Exception as error:
            if unavailable(error):
                raise
            _log.exception("alerts.no_digest", merchant=str(merchant.id))
    return count


async def _whose_morning(now: datetime) -> list[Merchant]:
    marked = {
        row["merchant_id"]: row["digest_on"] for row in await rows("SELECT merchant_id, digest_on FROM alert_marks")
    }
    found = []
    for merchant in await Merchant.filter(id__in=list(marked)):
        here = now.astimezone(ZoneInfo(merchant.zone))
        told = marked[merchant.id]
        if here.time() >= AT and (told is None or told < here.date()):
            found.append(merchant)
    return found


async def _send_to(merchant: Merchant, own: Sequence[HeldRule], settings: Settings, now: datetime) -> int:
    zone = ZoneInfo(merchant.zone)
    today = now.astimezone(zone).date()
    found = await of_day(merchant, own, today - timedelta(days=1))
    people = Endpoint.filter(merchant_id=merchant.id, state=EndpointState.ACTIVE)
    every = await people.exclude(kind__in=[EndpointKind.WEBHOOK, EndpointKind.PAGERDUTY]).order_by("created_at")
    told = [one for one in every if LEFT not in (one.left_kinds or ())]
    readers = {one.id: await tell.reader_of(one, settings) for one in told} if not found.is_empty else {}
    async with transaction():
        # Of several that come to the same morning one writes it.
        if not await execute(_MARK, merchant.id, today) or found.is_empty:
            return 0
        for endpoint in told:
            await post(endpoint, message(found, readers[endpoint.id]))
    for endpoint in told:
        await bell.ring(bell.DELIVER, endpoint.id)
    return len(told)


async def of_day(merchant: Merchant, own: Sequence[HeldRule], day: date) -> DayDigest:
    """The digest of a day of the merchant's zone."""
    zone = ZoneInfo(merchant.zone)
    begin = datetime.combine(day, time.min, zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)
    refunds = _table(await rows(_REFUNDS, merchant.id, begin, end))
    findings = _table(await rows(_FINDINGS, merchant.id, begin, end))
    oldest = await rows(_OLDEST, merchant.id, end, OLDEST_MAX)
    alerts = [one for one in await Alert.filter(merchant_id=merchant.id, resolved_at=None) if _is_told(one, own)]
    broken = Endpoint.filter(merchant_id=merchant.id, state__in=[EndpointState.BROKEN, EndpointState.PAUSED])
    trouble = [one.name for one in await broken.order_by("name")]
    place = await tell.places(alerts, AlertReader("en", merchant.name, zone, ""))
    return DayDigest(day, refunds, findings, oldest, [(one, place[one.id]) for one in alerts], trouble)


def _is_told(alert: Alert, own: Sequence[HeldRule]) -> bool:
    """All that is open, but for what no rule wants to hear of."""
    by = [rule for rule in rules.of_kind(own, alert.kind) if rule.is_about(alert.connection_id)]
    return any(rule.mode is not Mode.NEVER for rule in by)


def _table(found: Sequence[Mapping[str, Any]]) -> Mapping[str, Mapping[str, tuple[int, int]]]:
    table: dict[str, dict[str, tuple[int, int]]] = {}
    for row in found:
        table.setdefault(row["what"], {})[row["currency"]] = (int(row["count"]), int(row["amount"]))
    return table


def message(found: DayDigest, reader: AlertReader) -> Message:
    """The digest as one reader reads it."""
    title = written.title(found.day, reader)
    paragraphs = written.paragraphs(found, reader)
    return Message(
        id=f"digest_{found.day:%Y%m%d}",
        type=TYPE,
        title=title,
        text="\n\n".join("\n".join(lines) for lines in paragraphs),
        markdown="\n\n".join("\n\n".join([f"**{lines[0]}**", *lines[1:]]) for lines in paragraphs),
        link=f"{reader.address}/console/",
        severity=Severity.INFO.lower(),
        language=reader.language,
    )
