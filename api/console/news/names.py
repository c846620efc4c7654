"""The words, signs and colours of alerts, channels and deliveries."""

from collections.abc import Mapping
from typing import Final

from api.console.names import Sign
from api.console.words import N_

SEVERITIES: Final[Mapping[str, Sign]] = {
    "CRITICAL": Sign("✕", N_("Critical"), "bad"),
    "WARNING": Sign("!", N_("Warning"), "doubt"),
    "INFO": Sign("●", N_("For information"), "wait"),
}
ENDPOINTS: Final[Mapping[str, Sign]] = {
    "ACTIVE": Sign("●", N_("Works"), "ok"),
    "PAUSED": Sign("○", N_("Paused"), "wait"),
    "BROKEN": Sign("✕", N_("Broken"), "bad"),
    "OFF": Sign("–", N_("Deleted"), "gone"),
}
DELIVERIES: Final[Mapping[str, Sign]] = {
    "PENDING": Sign("○", N_("Waits to be sent"), "wait"),
    "SENT": Sign("●", N_("Delivered"), "ok"),
    "FAILED": Sign("✕", N_("Given up"), "bad"),
    "CANCELED": Sign("–", N_("Let go"), "gone"),
}
CHANNELS: Final[Mapping[str, str]] = {
    "EMAIL": N_("E-mail"),
    "DINGTALK": N_("DingTalk robot"),
    "WECOM": N_("WeCom robot"),
    "FEISHU": N_("Feishu or Lark robot"),
    "SLACK": N_("Slack"),
    "TEAMS": N_("Microsoft Teams"),
    "PAGERDUTY": N_("PagerDuty"),
    "WEBHOOK": N_("Webhook, for programs"),
}
KINDS: Final[Mapping[str, str]] = {
    "REFUND_STUCK": N_("Refunds stuck, or in doubt past their promise"),
    "REFUND_FAILED": N_("Refunds that the PSE has refused"),
    "REFUND_RETURNED": N_("Refunds that came back"),
    "DOUBT": N_("Refunds that a person must decide about"),
    "FINDING": N_("Findings above an amount"),
    "VAT_DEADLINE": N_("VAT whose deadline is near"),
    "PSE_DOWN": N_("A PSE that does not answer"),
    "ACCESS_REFUSED": N_("A PSE that refuses our access"),
    "REPORT_LATE": N_("Settlement reports that are missing"),
    "EXPIRING": N_("Keys and certificates that expire"),
    "INVARIANT_BROKEN": N_("Books that do not agree with themselves"),
    "BALANCE_LOW": N_("Too little balance at a PSE"),
    "UNUSUAL_VOLUME": N_("Unusually many refunds"),
    "CHANNEL_FAILING": N_("A channel where nothing arrives"),
    "APPROVAL_WAITING": N_("Approvals that wait long"),
    "WEBHOOKS_REFUSED": N_("Webhooks that do not prove their origin"),
    "SHOP_REFUND_WAITING": N_("Shops' refunds that wait for a person"),
    "SHOP_FAILING": N_("A shop that cannot be asked"),
}
SIGNS: Final = frozenset({"DINGTALK", "FEISHU", "PAGERDUTY"})  # with a secret that their maker shows
WORDS: Final = frozenset({"DINGTALK", "FEISHU"})  # may want a keyword
CALLS: Final = frozenset({"DINGTALK", "WECOM", "SLACK"})  # people by their names
MODES: Final[Mapping[str, str]] = {
    "AT_ONCE": N_("When it comes up"),
    "DIGEST": N_("In the daily digest"),
    "NEVER": N_("Not at all"),
}
NOTICES: Final[Mapping[str, str]] = {
    "OPENED": N_("It came up"),
    "GREW": N_("It has doubled"),
    "REPEATED": N_("Reminder"),
    "ESCALATED": N_("Nobody had acknowledged it"),
    "RESOLVED": N_("It is over"),
}
LANGUAGES: Final[Mapping[str, str]] = {
    "en": "English",
    "zh-CN": "简体中文",
    "es": "Español",
    "pt-BR": "Português (Brasil)",
}
