"""Alerts, their notices and rules as they are shown, in the language that is asked for."""

from typing import Annotated
from zoneinfo import ZoneInfo

import strawberry

from api.graphql.context import Info
from api.graphql.spoken.languages import locale_of
from api.graphql.transport.enums import described
from api.graphql.transport.paging import bounded
from api.graphql.transport.scalars import DateTime, Money
from domain.alerts import find, words
from domain.alerts.rules import HeldRule as Held
from domain.alerts.words import AlertReader
from domain.models import Alert as Row
from domain.models import AlertNotice as NoticeRow
from domain.models.alerts import AlertKind, Mode, Severity, What
from domain.money import Money as Amount

KindEnum = strawberry.enum(AlertKind, name="AlertKind", description="What people are told of (docs/runbooks.md).")
SeverityEnum = described(
    Severity,
    "AlertSeverity",
    "How soon somebody must act.",
    {
        Severity.CRITICAL: "Now, at any hour; told again every 30 minutes until somebody has acknowledged it.",
        Severity.WARNING: "Today: told with others, in no quiet hour, again after 4 hours.",
        Severity.INFO: "It stands in the daily digest alone.",
    },
)
ModeEnum = described(
    Mode,
    "AlertMode",
    "How a rule tells.",
    {Mode.AT_ONCE: "When it comes up.", Mode.DIGEST: "In the daily digest.", Mode.NEVER: "Not at all."},
)
WhatEnum = described(
    What,
    "AlertNoticeKind",
    "What is said of an alert.",
    {
        What.OPENED: "It has come up.",
        What.GREW: "It has doubled.",
        What.REPEATED: "Nobody has acknowledged it yet.",
        What.ESCALATED: "Nobody has acknowledged it, so the next are told.",
        What.RESOLVED: "It is over.",
    },
)


@strawberry.type(description="One of those that an alert is about.")
class AlertSubject:
    kind: str = strawberry.field(description="refund, finding, night, token, payment or invariant.")
    id: str = strawberry.field(description="A plain id, or a name of ours.")
    name: str = strawberry.field(description="A reference, a date or a name.")


@strawberry.type(description="That something was, or is to be, said of an alert at an endpoint.")
class AlertNotice:
    what: Annotated[What, WhatEnum]
    endpoint_id: strawberry.ID
    made_at: DateTime
    due_at: DateTime | None = strawberry.field(description="Null: it was said, or need not be any more.")
    said_at: DateTime | None

    @classmethod
    def of(cls, row: NoticeRow) -> "AlertNotice":
        return cls(
            what=row.what,
            endpoint_id=strawberry.ID(str(row.endpoint_id)),
            made_at=DateTime(row.made_at),
            due_at=DateTime(row.due_at) if row.due_at else None,
            said_at=DateTime(row.said_at) if row.said_at else None,
        )


@strawberry.type(description="Something that people must act on. Of one cause there is one that is open.")
class Alert:
    id: strawberry.ID
    kind: Annotated[AlertKind, KindEnum]
    severity: Annotated[Severity, SeverityEnum]
    key: str = strawberry.field(description="What and where: of a key one alert is open.")
    connection_id: strawberry.ID | None
    endpoint_id: strawberry.ID | None = strawberry.field(description="Where no news arrives, if it is about that.")
    count: int = strawberry.field(description="How many refunds, findings or dates it is about.")
    amounts: list[Money] = strawberry.field(description="What they come to, by currency.")
    subjects: list[AlertSubject] = strawberry.field(description="At most 20 of them.")
    since: DateTime = strawberry.field(description="Of the oldest that it is about.")
    opened_at: DateTime
    last_seen_at: DateTime
    told_at: DateTime | None = strawberry.field(description="When somebody was to be told first; null: nobody yet.")
    escalated: int = strawberry.field(description="1: to the next, 2: to the last.")
    acknowledged_at: DateTime | None
    acknowledged_by: str | None = strawberry.field(description="Who has taken it on.")
    snoozed_until: DateTime | None
    snoozed_by: str | None
    resolved_at: DateTime | None = strawberry.field(description="Null: it is open.")
    row: strawberry.Private[Row]

    @classmethod
    def of(cls, row: Row) -> "Alert":
        return cls(
            id=strawberry.ID(str(row.id)),
            kind=row.kind,
            severity=row.severity,
            key=row.key,
            connection_id=strawberry.ID(str(row.connection_id)) if row.connection_id else None,
            endpoint_id=strawberry.ID(str(row.endpoint_id)) if row.endpoint_id else None,
            count=row.count,
            amounts=[Money.of_sum(row.amounts[one], one) for one in sorted(row.amounts)],
            subjects=[AlertSubject(kind=one["kind"], id=one["id"], name=one["name"]) for one in row.subjects],
            since=DateTime(row.since),
            opened_at=DateTime(row.opened_at),
            last_seen_at=DateTime(row.last_seen_at),
            told_at=DateTime(row.told_at) if row.told_at else None,
            escalated=row.escalated,
            acknowledged_at=DateTime(row.acknowledged_at) if row.acknowledged_at else None,
            acknowledged_by=row.acknowledged_by,
            snoozed_until=DateTime(row.snoozed_until) if row.snoozed_until else None,
            snoozed_by=row.snoozed_by,
            resolved_at=DateTime(row.resolved_at) if row.resolved_at else None,
            row=row,
        )

    @strawberry.field(description="What it is and where, in `locale` (en, zh-CN, es, pt-BR); left out: English.")
    async def title(self, info: Info, locale: str | None = None) -> str:
        reader = await self._reader(info, locale)
        return words.title(self.row, reader, await self._where(info, reader))

    @strawberry.field(description="How many, how much, since when; `locale` as of `title`.")
    async def says(self, info: Info, locale: str | None = None) -> str:
        reader = await self._reader(info, locale)
        return words.says(self.row, reader, await self._where(info, reader))

    @strawberry.field(description="The first thing to do; `locale` as of `title`.")
    def action(self, locale: str | None = None) -> str:
        return words.action(self.kind, locale_of(locale, None))

    @strawberry.field(description="Where the rest of what to do stands.")
    def runbook(self) -> str:
        return words.runbook(self.kind)

    @strawberry.field(description="What was said of it where, the newest first. `first` is 1-100. Needs MANAGE_NEWS.")
    async def notices(self, info: Info, first: int = 20) -> list[AlertNotice]:
        found = await info.context.loaders.children(find.notices_of, self.row.id, bounded(first))
        return [AlertNotice.of(row) for row in found]

    async def _reader(self, info: Info, locale: str | None) -> AlertReader:
        merchant = await info.context.loaders.one(find.merchants_of, self.row.merchant_id)
        assert merchant is not None, "An alert is of a merchant."
        return AlertReader(
            locale_of(locale, None),
            merchant.name,
            ZoneInfo(merchant.zone),
            info.context.settings.address,
            kept="_",  # of a token's mark: who looks for it finds it as it is
        )

    async def _where(self, info: Info, reader: AlertReader) -> str:
        at = self.row.connection_id or self.row.endpoint_id
        name = await info.context.loaders.one(find.names_of, at) if at else None
        if self.kind is AlertKind.EXPIRING:
            return name or reader.word("tokens")
        return name or words.shop_of(self.row) or reader.merchant


@strawberry.type(description="By which people are told of a kind of alert.")
class AlertRule:
    name: str = strawberry.field(description="A kind's own name stands in the place of its default.")
    kind: Annotated[AlertKind, KindEnum]
    is_default: bool = strawberry.field(description="The product's own: the merchant has said nothing else.")
    mode: Annotated[Mode, ModeEnum]
    severity: Annotated[Severity, SeverityEnum]
    connection_ids: list[strawberry.ID] = strawberry.field(description="Whose; none: of all.")
    endpoint_ids: list[strawberry.ID] = strawberry.field(description="Who is told; none: every channel of people.")
    next_ids: list[strawberry.ID] = strawberry.field(description="And when nobody acknowledges it: after 15 minutes.")
    last_ids: list[strawberry.ID] = strawberry.field(description="After 45 minutes.")
    escalates: bool
    quiet_from: str | None = strawberry.field(description="As 20:00, by the merchant's clock.")
    quiet_until: str | None
    amounts: list[Money] = strawberry.field(description="Of findings: told from these on, one for each currency.")
    hours: int | None = strawberry.field(description="Of approvals: how long they may wait.")

    @classmethod
    def of(cls, rule: Held, own: frozenset[str]) -> "AlertRule":
        quiet = rule.quiet
        return cls(
            name=rule.name,
            kind=rule.kind,
            is_default=rule.name not in own,
            mode=rule.mode,
            severity=rule.weight,
            connection_ids=[strawberry.ID(str(one)) for one in sorted(rule.connections)],
            endpoint_ids=[strawberry.ID(str(one)) for one in rule.endpoints],
            next_ids=[strawberry.ID(str(one)) for one in rule.next],
            last_ids=[strawberry.ID(str(one)) for one in rule.last],
            escalates=rule.escalates,
            quiet_from=f"{quiet[0]:%H:%M}" if quiet else None,
            quiet_until=f"{quiet[1]:%H:%M}" if quiet else None,
            amounts=[Money.of(Amount(rule.least[one], one)) for one in sorted(rule.least)],
            hours=rule.hours,
        )
