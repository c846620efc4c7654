"""The words of the sign-in pages."""

from collections.abc import Mapping
from typing import Final

# Each row: Portuguese, Spanish, English, Chinese.
_ROWS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "title": ("Entrar", "Iniciar sesión", "Sign in", "登录"),
    "link": (
        "Este link funciona uma vez. Continue para entrar.",
        "Este enlace funciona una vez. Continúe para entrar.",
        "This link works once. Go on to sign in.",
        "此链接仅可使用一次。请继续以登录。",
    ),
    "go_on": ("Continuar", "Continuar", "Go on", "继续"),
    "provider": (
        "Entrar com a conta da empresa",
        "Entrar con la cuenta de la empresa",
        "Sign in with your company account",
        "使用公司账户登录",
    ),
    "ask": (
        "Peça um link de acesso a quem administra.",
        "Pida un enlace de acceso a quien administra.",
        "Ask an administrator for a sign-in link.",
        "请向管理员索取登录链接。",
    ),
    "closed": (
        "Este link não funciona mais. Peça outro a quem administra.",
        "Este enlace ya no funciona. Pida otro a quien administra.",
        "This link does not work any more. Ask an administrator for another one.",
        "该链接已失效，请向管理员索取新链接。",
    ),
    "in": ("Você entrou como {who}.", "Ha entrado como {who}.", "You are signed in as {who}.", "您已登录：{who}。"),
    "out": ("Sair", "Cerrar sesión", "Sign out", "退出登录"),
    "token": ("Criar um token meu", "Crear un token mío", "Make a token of my own", "创建我的令牌"),
    "about_token": (
        "Com um token seu, você aprova e consulta pela API ou pelo comando estorno. Um novo encerra o anterior.",
        "Con un token suyo aprueba y consulta por la API o el comando estorno. Uno nuevo termina el anterior.",
        "With a token of your own you approve by the API or the estorno command. A new one ends the one before.",
        "使用您的令牌可通过 API 或 estorno 命令审批和查询。创建新令牌会使旧令牌失效。",
    ),
    "token_made": (
        "É mostrado só agora. Funciona até {until}, ou até você sair. Copie-o para ESTORNO_TOKEN e não o dê a ninguém.",
        "Se muestra solo ahora. Funciona hasta {until}, o hasta que salga. Cópielo a ESTORNO_TOKEN y no lo dé a nadie.",
        "It is shown once. It works until {until}, or until you sign out. Copy it to ESTORNO_TOKEN; give it to nobody.",
        "仅显示一次，有效至 {until} 或您退出登录。请复制到 ESTORNO_TOKEN，切勿交给任何人。",
    ),
    "refused": (
        "Não foi possível entrar. Tente de novo ou fale com quem administra.",
        "No fue posible entrar. Inténtelo de nuevo o hable con quien administra.",
        "You could not be signed in. Try again, or talk to an administrator.",
        "登录失败。请重试或联系管理员。",
    ),
    "no_factor": (
        "Aqui só entra quem confirma com um segundo fator. Ative-o na conta da empresa e entre de novo.",
        "Aquí solo se entra con un segundo factor. Actívelo en la cuenta de la empresa y entre de nuevo.",
        "A second factor is demanded here. Set one up in your company account, and sign in again.",
        "此处要求双重验证。请在公司账户中启用第二验证因素后重新登录。",
    ),
    "insecure": (
        "Entre por https.",
        "Entre por https.",
        "Sign in over https.",
        "请通过 https 登录。",
    ),
}
_LOCALES: Final = ("pt-BR", "es", "en", "zh-CN")


def text(name: str, locale: str, **values: str) -> str:
    """The words of a name in a language, with its values put in."""
    return _ROWS[name][_LOCALES.index(locale)].format(**values)
