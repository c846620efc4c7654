"""What people read in a digest: counts and sums in their language, the oldest ten, what is open. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from babel import dates, numbers

from domain.alerts import words
from domain.alerts.words import AlertReader
from domain.deliveries.channels.wording import named
from domain.models import Alert

_ALERTS_MAX: Final = 10
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "title": "Refunds at {merchant}: {day}", "refunds": "Refunds", "findings": "Findings", "alerts": "Open alerts",
        "oldest": "The oldest", "trouble": "Nothing arrives there", "done": "Left for the customers",
        "failed": "Refused by the PSE", "returned": "Came back", "waiting": "Under way now",
        "by_hand": "To be paid by hand", "approval": "Waiting for an approval",
        "destination": "Waiting for the customer's account",
        "of_shops": "Shops' refunds that a person must look at", "opened": "Found", "worked_off": "Resolved",
        "open": "Open now", "since": "since {day}",
    },
    "zh-CN": {
        "title": "{merchant} 退款日报：{day}", "refunds": "退款", "findings": "差异", "alerts": "未关闭的提醒",
        "oldest": "最早的", "trouble": "无法送达", "done": "已付给客户", "failed": "被支付机构拒绝",
        "returned": "被退回",
        "waiting": "处理中", "by_hand": "待人工付款", "approval": "待审批", "destination": "待客户提供账户",
        "of_shops": "待人工处理的店铺退款",
        "opened": "新发现", "worked_off": "已解决", "open": "当前未解决", "since": "自 {day} 起",
    },
    "es": {
        "title": "Reembolsos de {merchant}: {day}", "refunds": "Reembolsos", "findings": "Hallazgos",
        "alerts": "Alertas abiertas", "oldest": "Los más antiguos", "trouble": "Allí no llega nada",
        "done": "Salieron a los clientes", "failed": "Rechazados por el PSE", "returned": "Volvieron",
        "waiting": "En curso ahora", "by_hand": "Por pagar a mano", "approval": "Esperan aprobación",
        "destination": "Esperan la cuenta del cliente",
        "of_shops": "De tiendas, que una persona debe ver", "opened": "Encontrados", "worked_off": "Resueltos",
        "open": "Abiertos ahora", "since": "desde el {day}",
    },
    "pt-BR": {
        "title": "Estornos de {merchant}: {day}", "refunds": "Estornos", "findings": "Achados",
        "alerts": "Alertas abertos", "oldest": "Os mais antigos", "trouble": "Nada chega lá",
        "done": "Saíram para os clientes", "failed": "Recusados pela instituição", "returned": "Voltaram",
        "waiting": "Em andamento agora", "by_hand": "A pagar à mão", "approval": "Aguardam aprovação",
        "destination": "Aguardam a conta do cliente",
        "of_shops": "De lojas, que uma pessoa deve ver", "opened": "Encontrados", "worked_off": "Resolvidos",
        "open": "Abertos agora", "since": "desde {day}",
    },
}  # fmt: skip
_REFUNDS: Final = ("done", "failed", "returned", "waiting", "by_hand", "approval", "destination", "of_shops")
_FINDINGS: Final = ("opened", "worked_off", "open")


@dataclass(frozen=True, slots=True)
class DayDigest:
    """What a day came to: counts and sums by what and currency, the oldest refunds, what is open or in trouble."""

    day: date
    refunds: Mapping[str, Mapping[str, tuple[int, int]]]
    findings: Mapping[str, Mapping[str, tuple[int, int]]]
    oldest: Sequence[Mapping[str, Any]]
    alerts: Sequence[tuple[Alert, str]]
    trouble: Sequence[str]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing that somebody would want to read."""
        return not (self.refunds or self.findings or self.alerts or self.trouble)


def title(day: date, reader: AlertReader) -> str:
    """Whose, and of which day."""
    told = dates.format_date(day, "full", locale=reader.locale)
    return _WORDS[reader.language]["title"].format(merchant=named(reader.merchant), day=told)


def paragraphs(found: DayDigest, reader: AlertReader) -> list[list[str]]:
    """Each with its head first; what there is nothing of is left out."""
    told = _WORDS[reader.language]
    made = [
        [told["refunds"], *_counted(found.refunds, _REFUNDS, reader)],
        [told["findings"], *_counted(found.findings, _FINDINGS, reader)],
        [told["alerts"], *[_alert(alert, where, reader) for alert, where in found.alerts[:_ALERTS_MAX]]],
        [told["trouble"], *[named(name) for name in found.trouble]],
        [told["oldest"], *[_oldest(row, reader) for row in found.oldest]],
    ]
    return [lines for lines in made if len(lines) > 1]


def _counted(
    table: Mapping[str, Mapping[str, tuple[int, int]]], names: Sequence[str], reader: AlertReader
) -> list[str]:
    lines = []
    for name in names:
        if (of := table.get(name)) is not None:
            count = numbers.format_decimal(sum(one for one, _ in of.values()), locale=reader.locale)
            sums = words.sums({currency: amount for currency, (_, amount) in of.items() if currency}, reader)
            lines.append(f"{_WORDS[reader.language][name]}: {count} ({sums})")
    return lines


def _alert(alert: Alert, where: str, reader: AlertReader) -> str:
    return f"{reader.word(alert.severity)}: {words.title(alert, reader, where)}"


def _oldest(row: Mapping[str, Any], reader: AlertReader) -> str:
    amount = words.money(row["amount"], row["currency"], reader)
    since = _WORDS[reader.language]["since"].format(day=words.day(row["created_at"].astimezone(reader.zone), reader))
    return f"{amount} · {named(row['reference'])} · {named(row['connection'])} · {since}"
