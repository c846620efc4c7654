"""Mail against a relay that really speaks SMTP: TLS is a must, and what was not said to be taken was not."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from domain.deliveries.answers import Answer, Broken, Later, Sent
from domain.deliveries.channels.channel import Message
from domain.deliveries.channels.email import Envelope, mail, why_not
from domain.platform.settings import Settings, SettingsError
from jobs.machine.ports import free_port
from jobs.wire import mail as wire
from tests.kit.factories import KEY
from tests.sandbox.channels.mail import Relay, served

NOW = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)
MESSAGE = Message(
    id="alert_1",
    type="alert.opened",
    title="退款卡住: pix-itau",
    text="3 refunds <b>wait</b>\nSee R$ 450,00",
    link="https://estorno.example/console/news",
    severity="critical",
    language="pt-BR",
    key="refund_stuck:1",
)
LONG = "https://estorno.example/unsubscribe/" + "a" * 150


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `cert.pem`, which is its own authority, and `key.pem`."""
    folder, key = tmp_path_factory.mktemp("relay"), ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay")]), dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    (folder / "cert.pem").write_bytes(built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return folder


def _tls(authority: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")
    return context


def _settings(relay: Relay, **more: Any) -> Settings:
    told = {"smtp_host": "127.0.0.1", "smtp_port": relay.port, "smtp_from": "Estorno <alerts@estorno.example>"}
    return Settings(secret_key=KEY, **{**told, **more})


def _mail(recipient: str = "desk@shop.example", **more: Any) -> EmailMessage:
    return mail(MESSAGE, Envelope("Estorno <alerts@estorno.example>", recipient, **more), NOW)


async def _send(settings: Settings, recipient: str = "desk@shop.example", seconds: float = 10.0) -> Answer:
    return await wire.send(_mail(recipient), recipient, settings, seconds)


async def test_a_mail_goes_by_starttls_to_a_relay_that_is_believed(authority: Path) -> None:
    with served(Relay(), free_port(), _tls(authority), login=True) as relay:
        known = {"smtp_ca": str(authority / "cert.pem"), "smtp_user": "estorno", "smtp_password": "relay-password"}
        assert isinstance(await _send(_settings(relay, **known)), Sent)
        assert relay.was_tls == [True]
        ((recipient, got),) = relay.got
        assert recipient == "desk@shop.example"
        assert got["Subject"] == MESSAGE.title
        unknown = await _send(_settings(relay, smtp_user="estorno", smtp_password="relay-password"))
        assert isinstance(unknown, Later)
        assert "certificate" in unknown.reason
        wrong = await _send(_settings(relay, **{**known, "smtp_password": "another"}))
        assert isinstance(wrong, Later)
        assert "password" in wrong.reason
        assert "another" not in wrong.reason
        assert len(relay.got) == 1


async def test_a_relay_without_tls_gets_nothing_unless_it_was_said_to_be_plain() -> None:
    with served(Relay(), free_port()) as relay:
        answer = await _send(_settings(relay))
        assert isinstance(answer, Later)
        assert relay.got == []
        assert isinstance(await _send(_settings(relay, smtp_tls="none")), Sent)
        assert len(relay.got) == 1


async def test_what_a_relay_says_of_each_recipient_is_heard(authority: Path) -> None:
    known = {"smtp_ca": str(authority / "cert.pem")}
    unknown, full = frozenset({"gone@shop.example"}), frozenset({"full@shop.example"})
    with served(Relay(unknown=unknown, full=full), free_port(), _tls(authority)) as relay:
        settings = _settings(relay, **known)
        assert isinstance(await _send(settings, "gone@shop.example"), Broken)
        assert isinstance(await _send(settings, "full@shop.example"), Later)
        assert isinstance(await _send(settings, "desk@shop.example"), Sent)
        assert [one for one, _ in relay.got] == ["desk@shop.example"]
        relay.mood = "busy"
        assert isinstance(await _send(settings), Later)


async def test_an_answer_that_is_lost_behind_the_data_means_that_it_comes_again_under_its_own_name() -> None:
    with served(Relay(mood="lost"), free_port()) as relay:
        settings = _settings(relay, smtp_tls="none")
        assert isinstance(await _send(settings), Later)
        relay.mood = "ok"
        assert isinstance(await _send(settings), Sent)
        first, second = (got for _, got in relay.got)
        assert first["Message-ID"] == second["Message-ID"]


async def test_a_relay_that_is_away_or_silent_is_later() -> None:
    relay = Relay(port=free_port())
    assert isinstance(await _send(_settings(relay, smtp_tls="none")), Later)
    assert isinstance(await _send(Settings(secret_key=KEY)), Later)
    held: list[asyncio.StreamWriter] = []
    quiet = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    relay.port = quiet.sockets[0].getsockname()[1]
    try:
        assert isinstance(await _send(_settings(relay, smtp_tls="none"), seconds=0.3), Later)
    finally:
        quiet.close()
        for writer in held:
            writer.close()  # else whichever test runs when it is collected fails over it
            await writer.wait_closed()


def test_the_headers_are_whole_and_the_parts_are_text_then_html() -> None:
    made = _mail(unsubscribe=LONG, reply_to="desk@estorno.example")
    raw = made.as_bytes().decode("ascii")
    assert f"List-Unsubscribe: <{LONG}>\r\n" in raw
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert made["Auto-Submitted"] == "auto-generated"
    assert made["Reply-To"] == "desk@estorno.example"
    assert made["In-Reply-To"] == made["References"] != made["Message-ID"]
    other = mail(Message(id="alert_2", type="x", key=MESSAGE.key), Envelope("a@b.example", "desk@shop.example"), NOW)
    assert other["References"].split("@")[0] == made["References"].split("@")[0]
    text, html = made.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    shown = html.get_content()
    assert "&lt;b&gt;wait&lt;/b&gt;" in shown
    assert "Abrir no Estorno" in shown
    assert "src=" not in shown
    assert 'lang="pt-BR"' in shown
    assert "desk@" not in made["Message-ID"]


@pytest.mark.parametrize(
    "bad", ["a@b.example\r\nBcc: x@y.example", "a b@c.example", "a@b", "a@b.example,c@d.example", ""]
)
def test_what_is_no_address_of_one_mailbox_is_refused(bad: str) -> None:
    assert why_not(bad) is not None
    assert why_not("desk+alerts@shop.example") is None
    if "\r" in bad or not bad:
        with pytest.raises(ValueError, match="address"):
            mail(MESSAGE, Envelope("a@b.example", bad), NOW)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ESTORNO_SMTP_HOST": "relay.example", "ESTORNO_SMTP_FROM": "a@b.example", "ESTORNO_SMTP_TLS": "none"}, "TLS"),
        ({"ESTORNO_SMTP_HOST": "relay.example"}, "who writes"),
        ({"ESTORNO_SMTP_TLS": "maybe"}, "starttls"),
    ],
)
def test_settings_that_would_send_mail_in_clear_stop_the_start(given: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.read({"ESTORNO_SECRET_KEY": "A" * 43 + "=", **given})
