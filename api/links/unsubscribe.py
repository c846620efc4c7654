"""The page behind a mail's "stop these messages": looking changes nothing, sending it does (RFC 8058: with one click).

No cookie and no login: whoever has the mail has the link. Scanners follow links, so a GET shows a page alone.
"""

from collections.abc import Mapping
from html import escape
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api.customer.pages import locale_of, page
from api.http import request_id
from domain.alerts import kinds, leaving
from domain.alerts.leaving import DIGEST, Leaving
from domain.models.alerts import AlertKind
from domain.platform.settings import Settings

PATH: Final = leaving.PREFIX + "{token}"
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "title": "Messages of Estorno",
        "ask": "{address} is told this for {merchant}. Stop it?",
        "digest": "The daily digest",
        "stop": "Stop these messages",
        "done": "{address} is told this no more:",
        "back": "Somebody of {merchant} can have it told again (News, Channels). "
        "What is critical is told all the same.",
        "stays": "This cannot be stopped by a link, because it is critical: money waits or is wrong. Somebody of "
        "{merchant} can name another mailbox for it (News, Channels).",
        "closed": "This link does not work (any more). Channels are changed in the console, under News.",
    },
    "zh-CN": {
        "title": "Estorno 消息",
        "ask": "{address} 会收到 {merchant} 的以下消息。要停止吗？",
        "digest": "每日摘要",
        "stop": "停止接收此类消息",
        "done": "{address} 不再收到以下消息：",
        "back": "{merchant} 的人员可以恢复（消息、渠道）。紧急事项仍会通知。",
        "stays": "以下内容属于紧急事项（资金受阻或有误），不能通过链接停止。"
        "{merchant} 的人员可以为其指定其他邮箱（消息、渠道）。",
        "closed": "此链接无效（或已失效）。请在控制台的“消息”中更改渠道。",
    },
    "es": {
        "title": "Mensajes de Estorno",
        "ask": "{address} recibe esto de {merchant}. ¿Detenerlo?",
        "digest": "El resumen diario",
        "stop": "No recibir más estos mensajes",
        "done": "{address} ya no recibe esto:",
        "back": "Alguien de {merchant} puede volver a activarlo (Noticias, Canales). "
        "Lo crítico se avisa de todos modos.",
        "stays": "Esto no se puede detener con un enlace, porque es crítico: hay dinero en espera o equivocado. "
        "Alguien de {merchant} puede indicar otro buzón para ello (Noticias, Canales).",
        "closed": "Este enlace no funciona (o ya no). Los canales se cambian en la consola, en Noticias.",
    },
    "pt-BR": {
        "title": "Mensagens do Estorno",
        "ask": "{address} recebe isto de {merchant}. Parar?",
        "digest": "O resumo diário",
        "stop": "Não receber mais estas mensagens",
        "done": "{address} não recebe mais isto:",
        "back": "Alguém de {merchant} pode voltar a ativar (Notícias, Canais). O que é crítico é avisado mesmo assim.",
        "stays": "Isto não pode ser parado por um link, porque é crítico: há dinheiro parado ou errado. Alguém de "
        "{merchant} pode indicar outra caixa de e-mail para isso (Notícias, Canais).",
        "closed": "Este link não funciona (ou não funciona mais). Canais são alterados no console, em Notícias.",
    },
}


async def show(request: Request) -> Response:
    """GET: what it would end, with a button (200), or that the link does not work (410)."""
    asked = await _asked(request)
    locale = locale_of(request, asked.language if asked else None)
    if asked is None:
        return _closed(locale)
    if asked.ends and not asked.is_over:
        form = f'<form method="post" action="?lang={locale}"><button>{_said("stop", locale, asked)}</button></form>'
        return _page(locale, f"<p>{_said('ask', locale, asked)}</p>{_list(asked.ends, locale, asked)}{form}", asked)
    return _page(locale, _done(asked, locale), asked)


async def receive(request: Request) -> Response:
    """POST: it ends (200), also the second time; 410 where the link does not work. What the body says is not read."""
    asked = await _asked(request)
    locale = locale_of(request, asked.language if asked else None)
    if asked is None:
        return _closed(locale)
    await leaving.leave(asked, request_id())
    return _page(locale, _done(asked, locale), asked)


async def _asked(request: Request) -> Leaving | None:
    settings: Settings = request.app.state.settings
    return await leaving.look(request.path_params["token"], settings)


def _done(asked: Leaving, locale: str) -> str:
    if not asked.ends:
        return ""
    told = f"<p>{_said('done', locale, asked)}</p>{_list(asked.ends, locale, asked)}"
    return f"{told}<p>{_said('back', locale, asked)}</p>"


def _page(locale: str, body: str, asked: Leaving) -> Response:
    """With what cannot be ended, where there is something of it."""
    stays = ""
    if asked.stays:
        stays = f"<p>{_said('stays', locale, asked)}</p>{_list(asked.stays, locale, asked)}"
    return page(locale, body + stays, heading=_WORDS[locale]["title"])


def _closed(locale: str) -> Response:
    return page(locale, f"<p>{escape(_WORDS[locale]['closed'])}</p>", 410, _WORDS[locale]["title"])


def _said(name: str, locale: str, asked: Leaving) -> str:
    return escape(_WORDS[locale][name].format(address=asked.endpoint.shown, merchant=asked.merchant))


class _Facts(dict[str, Any]):
    """What a title says of one alert is left open where all of its kind are meant."""

    def __missing__(self, name: str) -> str:
        return "…"


def _list(named: Any, locale: str, asked: Leaving) -> str:
    titles = []
    for one in named:
        if one == DIGEST:
            titles.append(_WORDS[locale]["digest"])
        else:
            titles.append(kinds.known(AlertKind(one)).title[locale].format_map(_Facts(where=asked.merchant)))
    return "<ul>" + "".join(f"<li>{escape(one)}</li>" for one in titles) + "</ul>"
