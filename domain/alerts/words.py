"""What people read of alerts: in their language, their money, the merchant's clock; nothing of a customer. Pure.

Names that others have given (connections, endpoints) are shown without anything that is markup on any channel.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers

from domain.alerts import kinds
from domain.deliveries import reasons
from domain.deliveries.channels.wording import named
from domain.findings import kinds as finding_kinds
from domain.models import Alert
from domain.models.alerts import AlertKind, Severity, What
from domain.money import exponent_of

NAMES_MAX: Final = 5
PAGE: Final = "/console/news/alerts/{id}"
RUNBOOKS: Final = "docs/runbooks.md"
_NAMED: Final = "docs/runbooks"  # in a message: .md ends domains, and a chat would make a link of it
_NONE: Final = "–"
_OF_SHOPS: Final = frozenset({AlertKind.SHOP_REFUND_WAITING, AlertKind.SHOP_FAILING})
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "CRITICAL": "Critical", "WARNING": "Warning", "INFO": "For information", "RESOLVED": "Over",
        "do": "What to do", "runbook": "Runbook", "open": "Look and acknowledge", "since": "since",
        "GREW": "It has become more.", "REPEATED": "Nobody has acknowledged it yet.",
        "ESCALATED": "Nobody has acknowledged it for {minutes} minutes; so you are told.",
        "over": "It is over since {at}.", "many": "{count} alerts at {merchant}", "tokens": "API tokens",
        "more": "and {count} more",
    },
    "zh-CN": {
        "CRITICAL": "紧急", "WARNING": "警告", "INFO": "通知", "RESOLVED": "已恢复",
        "do": "处理办法", "runbook": "操作手册", "open": "查看并确认", "since": "自",
        "GREW": "数量有所增加。", "REPEATED": "尚无人确认。",
        "ESCALATED": "已有 {minutes} 分钟无人确认，因此通知您。",
        "over": "已于 {at} 恢复。", "many": "{merchant} 有 {count} 条提醒", "tokens": "API 令牌",
        "more": "以及另外 {count} 项",
    },
    "es": {
        "CRITICAL": "Crítica", "WARNING": "Advertencia", "INFO": "Información", "RESOLVED": "Terminada",
        "do": "Qué hacer", "runbook": "Manual", "open": "Ver y confirmar", "since": "desde",
        "GREW": "Ahora son más.", "REPEATED": "Nadie la ha confirmado todavía.",
        "ESCALATED": "Nadie la ha confirmado en {minutes} minutos; por eso se le avisa.",
        "over": "Terminó a las {at}.", "many": "{count} alertas en {merchant}", "tokens": "Tokens de la API",
        "more": "y {count} más",
    },
    "pt-BR": {
        "CRITICAL": "Crítico", "WARNING": "Aviso", "INFO": "Informação", "RESOLVED": "Encerrado",
        "do": "O que fazer", "runbook": "Manual", "open": "Ver e confirmar", "since": "desde",
        "GREW": "Agora são mais.", "REPEATED": "Ninguém confirmou ainda.",
        "ESCALATED": "Ninguém confirmou em {minutes} minutos; por isso você é avisado.",
        "over": "Encerrado às {at}.", "many": "{count} alertas em {merchant}", "tokens": "Tokens da API",
        "more": "e mais {count}",
    },
}  # fmt: skip
_SIGNS: Final[Mapping[str, str]] = {"CRITICAL": "✕", "WARNING": "!", "INFO": "●", "RESOLVED": "✓"}


@dataclass(frozen=True, slots=True)
class AlertReader:
    """Who reads: one of our languages, the merchant's name and zone, where our console is."""

    language: str
    merchant: str
    zone: ZoneInfo
    address: str
    kept: str = ""  # marks that where it is read are none: a page has no Markdown

    @property
    def locale(self) -> Locale:
        """As Babel knows it."""
        return Locale.parse(self.language.replace("-", "_"))

    def word(self, name: str) -> str:
        """One of ours."""
        return _WORDS[self.language][name]

    def named(self, given: str) -> str:
        """A name that others have given, as it can be shown where this is read."""
        return named(given, kept=self.kept)


@dataclass(frozen=True, slots=True)
class Section:
    """What is said of one alert: a headline, sentences, and where to act."""

    head: str
    lines: Sequence[str]
    link: str


@dataclass(frozen=True, slots=True)
class NumberAndWord:
    """In a sentence: `{count:refund|refunds}` is the number and the word of one or of several; `{count}` the number."""

    count: int
    shown: str  # before the word

    def __format__(self, spec: str) -> str:
        one, _, many = spec.partition("|")
        return f"{self.shown}{one if self.count == 1 else many}".strip()


def language_of(wanted: str | None) -> str:
    """One that we write; English where none is wanted, or another."""
    return wanted if wanted is not None and wanted in _WORDS else "en"


def shop_of(alert: Alert) -> str | None:
    """The shop that it is about, by its name; None: it is about something else."""
    facts: Mapping[str, Any] = alert.facts
    return str(facts["said"]) if alert.kind in _OF_SHOPS and "said" in facts else None


def title(alert: Alert, reader: AlertReader, where: str) -> str:
    """What it is and where, in a few words."""
    return kinds.known(alert.kind).title[reader.language].format_map(_facts(alert, reader, where))


def says(alert: Alert, reader: AlertReader, where: str) -> str:
    """How many, how much, since when."""
    return kinds.known(alert.kind).says[reader.language].format_map(_facts(alert, reader, where))


def action(kind: AlertKind, language: str) -> str:
    """The first thing to do."""
    return kinds.known(kind).action[language]


def runbook(kind: AlertKind) -> str:
    """Where the rest of it stands."""
    return f"{RUNBOOKS}#{kinds.known(kind).runbook}"


def section(alert: Alert, what: What, reader: AlertReader, where: str, minutes: int = 0) -> Section:
    """One alert, as a message says it. `minutes`: for which nobody has acknowledged it."""
    over = what is What.RESOLVED
    name = "RESOLVED" if over else Severity(alert.severity).value
    head = f"{_SIGNS[name]} {reader.word(name)}: {title(alert, reader, where)}"
    link = reader.address + PAGE.format(id=alert.id)
    if over:
        return Section(head, [reader.word("over").format(at=moment(alert.resolved_at, reader))], link)
    lines = [says(alert, reader, where)]
    if what is not What.OPENED:
        lines.append(reader.word(what.value).format(minutes=minutes))
    lines.append(f"{reader.word('do')}: {action(alert.kind, reader.language)}")
    lines.append(f"{reader.word('runbook')}: {_NAMED}#{kinds.known(alert.kind).runbook}")
    return Section(head, lines, link)


def heading(sections: Sequence[Section], reader: AlertReader) -> str:
    """What stands above: the one, or how many there are."""
    if len(sections) == 1:
        return sections[0].head
    return reader.word("many").format(count=len(sections), merchant=named(reader.merchant))


def text(sections: Sequence[Section]) -> str:
    """For mail: what is told, line by line, and where one acts."""
    parts = ["\n".join([*([one.head] if len(sections) > 1 else []), *one.lines, one.link]) for one in sections]
    return "\n\n".join(parts)


def markdown(sections: Sequence[Section], reader: AlertReader) -> str:
    """For a robot: bold heads, sentences, a link for each; no tables, which robots do not show."""
    parts = []
    for one in sections:
        head = [f"**{one.head}**"] if len(sections) > 1 else []
        parts.append("\n\n".join([*head, *one.lines, f"[{reader.word('open')}]({one.link})"]))
    return "\n\n".join(parts)


def _facts(alert: Alert, reader: AlertReader, where: str) -> Mapping[str, Any]:
    facts: Mapping[str, Any] = alert.facts
    return {
        "where": reader.named(where),
        "count": NumberAndWord(alert.count, f"{numbers.format_decimal(alert.count, locale=reader.locale)} "),
        "each": NumberAndWord(alert.count, ""),
        "money": sums(alert.amounts, reader),
        "since": moment(alert.since, reader),
        "names": _names(alert, reader),
        "due": day(facts.get("due"), reader),
        "day": day(facts.get("day"), reader),
        "usual": numbers.format_decimal(int(facts.get("usual", 0)), locale=reader.locale),
        "why": named(reasons.in_words(str(facts.get("why", _NONE)), reader.language)).rstrip(".。"),
        "balance": _balance(facts, reader),
        "finding": _finding(facts, reader),
    }


def _names(alert: Alert, reader: AlertReader) -> str:
    shown = [reader.named(one.get("name", "")) for one in alert.subjects[:NAMES_MAX]]
    if (left := alert.count - len(shown)) > 0 and shown:
        shown.append(reader.word("more").format(count=numbers.format_decimal(left, locale=reader.locale)))
    return ", ".join(one for one in shown if one) or _NONE


def _balance(facts: Mapping[str, Any], reader: AlertReader) -> str:
    return money(int(facts["balance"]), facts["currency"], reader) if "balance" in facts else _NONE


def _finding(facts: Mapping[str, Any], reader: AlertReader) -> str:
    said = str(facts.get("said"))
    if said not in finding_kinds.FindingKind.__members__:
        return _NONE
    return finding_kinds.known(finding_kinds.FindingKind[said]).title[reader.language]


def sums(amounts: Mapping[str, int], reader: AlertReader) -> str:
    """Each currency by itself: there is no rate in an alert."""
    told = [money(amounts[currency], currency, reader) for currency in sorted(amounts)]
    return " + ".join(told) or _NONE


def money(minor_units: int, currency: str, reader: AlertReader) -> str:
    """An amount as the language writes it, with the currency's own decimals."""
    exponent = exponent_of(currency)
    pattern = copy(reader.locale.currency_formats["standard"])
    pattern.frac_prec = (exponent, exponent)
    return numbers.format_currency(
        Decimal(minor_units).scaleb(-exponent), currency, format=pattern, locale=reader.locale, currency_digits=False
    )


def moment(at: datetime | None, reader: AlertReader) -> str:
    """By the merchant's clock, which is said."""
    if at is None:
        return _NONE
    here = at.astimezone(reader.zone)
    return f"{dates.format_datetime(here, 'short', locale=reader.locale)} ({here:%Z})"


def day(given: Any, reader: AlertReader) -> str:
    """A date as the language writes it."""
    if given is None:
        return _NONE
    try:
        found = given if isinstance(given, date) else date.fromisoformat(str(given)[:10])
    except ValueError:
        return named(str(given))
    return dates.format_date(found, "medium", locale=reader.locale)
