"""E-mail: text first, then HTML, with the headers that keep threads, filters and one-click unsubscribing whole.

RFC 5322, RFC 3834 (Auto-Submitted), RFC 8058 (one-click). DKIM, SPF and DMARC are the relay's.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import cache
from typing import Final

import jinja2

from domain.deliveries.channels import wording
from domain.deliveries.channels.channel import Message

# Left at its default, Python writes any word that is longer than a line as =?utf-8?q?…, and no mail program follows a
# List-Unsubscribe that looks so.
POLICY: Final = policy.SMTP.clone(max_line_length=998)
_SUBJECT_MAX: Final = 200
_ADDRESS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_{|}~.\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,8}")
_WORDS: Final = {
    "en": ("Open in Estorno", "Stop these messages"),
    "zh-CN": ("在 Estorno 中打开", "停止接收此类邮件"),
    "es": ("Abrir en Estorno", "No recibir más estos mensajes"),
    "pt-BR": ("Abrir no Estorno", "Não receber mais estas mensagens"),
}
_HTML: Final = """<!DOCTYPE html>
<html lang="{{ language }}"><body style="margin:0;padding:16px;background:#f6f6f4;color:#1c1c1a;\
font:15px/22px -apple-system,'Segoe UI',Roboto,'PingFang SC','Microsoft YaHei',sans-serif">
<div style="max-width:640px;margin:0 auto;padding:16px;background:#ffffff;border-left:4px solid {{ colour }}">
<h1 style="margin:0 0 12px;font-size:20px;line-height:28px">{{ title }}</h1>
{% for line in lines %}{% if line %}<p style="margin:0 0 8px">{{ line }}</p>{% endif %}
{% endfor %}{% if link %}<p style="margin:16px 0 0"><a href="{{ link }}" style="color:#0b5cad">\
{{ open }}</a></p>{% endif %}
{% if unsubscribe %}<p style="margin:16px 0 0;font-size:13px"><a href="{{ unsubscribe }}" style="color:#5c5c58">\
{{ stop }}</a></p>{% endif %}
</div></body></html>
"""
_COLOURS: Final = {"critical": "#b3261e", "warning": "#9a6700", "info": "#0b5cad"}
_RESOLVED: Final = "#1a7f37"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who writes to whom. `sender`: as `Estorno <alerts@example.com>`; `unsubscribe`: where one click ends it."""

    sender: str
    recipient: str
    reply_to: str | None = None
    unsubscribe: str | None = None


def why_not(address: str) -> str | None:
    """Why this is no address of one mailbox, in a sentence; None: it is."""
    is_one = _ADDRESS.fullmatch(address) is not None and ".." not in address
    return None if is_one else "That is no e-mail address: write one, as desk@example.com."


def mail(message: Message, envelope: Envelope, now: datetime) -> EmailMessage:
    """The e-mail of one message. `now` is UTC. Raises ValueError for an address that is none.

    Its Message-ID is the delivery's for life: sent twice because an answer was lost, it is one in the reader's thread.
    """
    made = EmailMessage(policy=POLICY)
    try:
        made["From"] = envelope.sender
        made["To"] = MailAddress(addr_spec=envelope.recipient)
        if envelope.reply_to:
            made["Reply-To"] = envelope.reply_to
    except (ValueError, IndexError):
        raise ValueError("The endpoint's address is no e-mail address.") from None
    host = _host(envelope.sender)
    made["Subject"] = wording.one_line(message.title, _SUBJECT_MAX)
    made["Date"] = format_datetime(now)
    made["Message-ID"] = f"<{_name(message.id, envelope.recipient)}@{host}>"
    made["Auto-Submitted"] = "auto-generated"
    if message.key:
        # Every message of an alert answers one that was never sent: so mail programs thread them, the first included.
        root = f"<{_name(message.key, envelope.recipient)}@{host}>"
        made["In-Reply-To"] = root
        made["References"] = root
    if envelope.unsubscribe:
        made["List-Unsubscribe"] = f"<{envelope.unsubscribe}>"
        made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    _, stop = _WORDS.get(message.language, _WORDS["en"])
    text = [message.text, message.link or "", f"{stop}: {envelope.unsubscribe}" if envelope.unsubscribe else ""]
    made.set_content("\n\n".join(one for one in text if one) + "\n", cte="base64")
    made.add_alternative(html(message, envelope.unsubscribe), subtype="html", cte="base64")
    return made


def html(message: Message, unsubscribe: str | None = None) -> str:
    """The message as HTML: what others have written is escaped, and nothing is loaded from anywhere."""
    opened, stop = _WORDS.get(message.language, _WORDS["en"])
    return _template().render(
        language=message.language,
        title=message.title,
        lines=message.text.split("\n"),
        link=message.link,
        open=opened,
        stop=stop,
        unsubscribe=unsubscribe,
        colour=_RESOLVED if message.resolves else _COLOURS.get(message.severity, _COLOURS["info"]),
    )


@cache
def _template() -> jinja2.Template:
    return jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(_HTML)


def _name(text: str, recipient: str) -> str:
    """A name for a header: neither the text nor the recipient can be told from it, and both make it."""
    return hashlib.sha256(f"{text}\n{recipient}".encode()).hexdigest()[:40]


def _host(sender: str) -> str:
    _, spec = parseaddr(sender)
    return spec.rpartition("@")[2] or "localhost"
