"""Settings: read once, named when they are wrong, hidden when they are secret."""

import asyncio
import stat
from pathlib import Path

import pytest

from domain.platform import pulse
from domain.platform.settings import Settings, SettingsError

KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="


def read(tmp_path: Path, **environ: str) -> Settings:
    return Settings.read({"ESTORNO_HOME": str(tmp_path / "home"), **environ})


def test_nothing_given_is_a_working_default(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert (settings.port, settings.host, settings.database_url) == (8000, "127.0.0.1", "")
    assert len(settings.secret_key) == 32


def test_the_secret_key_is_made_once_and_readable_by_us_alone(tmp_path: Path) -> None:
    first, second = read(tmp_path), read(tmp_path)
    assert first.secret_key == second.secret_key
    assert stat.S_IMODE((tmp_path / "home" / "secret.key").stat().st_mode) == 0o600


def test_with_somebody_elses_database_the_key_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ESTORNO_SECRET_KEY must be set"):
        read(tmp_path, DATABASE_URL="postgres://a:b@db/x")
    assert read(tmp_path, DATABASE_URL="postgres://a:b@db/x", ESTORNO_SECRET_KEY=KEY).secret_key == b"k" * 32


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ESTORNO_PORT", "0"),
        ("ESTORNO_PORT", "http"),
        ("ESTORNO_LOG_FORMAT", "xml"),
        ("ESTORNO_INTROSPECTION", "yes"),
        ("ESTORNO_SEND_LIMIT_SECONDS", "-1"),
        ("ESTORNO_LEASE_SECONDS", "soon"),
        ("ESTORNO_NIGHTLY_AT", "25:00"),
        ("ESTORNO_ALLOWED_ORIGINS", "shop.example.com"),
        ("ESTORNO_EGRESS_IPS", "203.0.113"),
        ("ESTORNO_EGRESS_IPS", "203.0.113.7/24"),
        ("ESTORNO_EGRESS_IPS", ",".join(["203.0.113.7"] * 101)),
        ("ESTORNO_BODY_LIMIT_BYTES", "1"),
        ("DATABASE_URL", "mysql://x/y"),
        ("REDIS_URL", "localhost"),
        ("DATABASE_URL", "postgres://app:p@w@db:5432/estorno"),
        ("DATABASE_URL", "postgres://app:p#w@db:5432/estorno"),
        ("DATABASE_URL", "postgres://app:pw?@db:5432/estorno"),
        ("DATABASE_URL", "postgres://app:p%w@db:5432/estorno"),
        ("DATABASE_URL", "postgres://app:pw@db:port/estorno"),
        ("REDIS_URL", "redis://:p/w@valkey:6379/0"),
        ("ESTORNO_OLD_SECRET_KEY", "short"),
        ("ESTORNO_KMS_URL", "kms"),
        ("ESTORNO_SECRET_KEY", "short"),
        ("ESTORNO_CRASH", "nowhere:1"),
        ("ESTORNO_CRASH", "request.committed"),
        ("ESTORNO_CRASH", "request.committed:0"),
        ("ESTORNO_CRASH", "request.committed:-1"),
    ],
)
def test_a_wrong_value_names_the_variable_and_what_it_wants(tmp_path: Path, variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"{variable} takes .+"):
        read(tmp_path, **{variable: value})


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("ESTORNO_NIGHTLY", "ESTORNO_NIGHTLY_AT"),
        ("ESTORNO_PUBLICURL", "ESTORNO_PUBLIC_URL"),
        ("ESTORNO_Port", "ESTORNO_PORT"),
        ("ESTORNO_DATABASE_URL", "DATABASE_URL"),
    ],
)
def test_a_variable_that_no_setting_knows_stops_the_start_and_names_the_closest(
    tmp_path: Path, misspelt: str, meant: str
) -> None:
    with pytest.raises(SettingsError, match=f"{misspelt} is no setting; the closest is {meant}[.;]") as refused:
        read(tmp_path, **{misspelt: "hunter2"})
    assert "hunter2" not in str(refused.value)


def test_other_peoples_variables_and_empty_ones_are_left_alone(tmp_path: Path) -> None:
    assert read(tmp_path, PATH="/bin", PORT="1", ESTORNO_NIGHTLY="") == read(tmp_path)


@pytest.mark.parametrize("password", ["p@w", "p/w", "p#w", "pw?", "p%w"])
def test_a_password_that_an_address_cannot_hold_as_it_is_is_refused_in_words(tmp_path: Path, password: str) -> None:
    with pytest.raises(SettingsError, match=r"written as %40 %2F .* of a user or password") as refused:
        read(tmp_path, DATABASE_URL=f"postgres://app:{password}@db:5432/estorno", ESTORNO_SECRET_KEY=KEY)
    assert password not in str(refused.value)


def test_a_folder_that_cannot_be_written_and_a_file_that_holds_no_key_are_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"ESTORNO_HOME .*cannot be written"):
        Settings.read({"ESTORNO_HOME": str(tmp_path / "file" / "home")})
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "secret.key").write_text("nonsense")
    with pytest.raises(SettingsError, match=r"secret\.key .*32 random bytes"):
        read(tmp_path)


def test_a_wrong_secret_is_not_repeated_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, ESTORNO_SECRET_KEY="hunter2")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(("send", "job", "lease"), [("30", "30", "60"), ("20", "60", "60"), ("90", "30", "60")])
def test_a_send_ends_before_its_job_and_the_job_before_the_lease(
    tmp_path: Path, send: str, job: str, lease: str
) -> None:
    with pytest.raises(SettingsError, match="must hold"):
        read(
            tmp_path,
            ESTORNO_SEND_LIMIT_SECONDS=send,
            ESTORNO_JOB_TIMEOUT_SECONDS=job,
            ESTORNO_LEASE_SECONDS=lease,
        )


def test_what_is_shown_hides_secrets_and_passwords(tmp_path: Path) -> None:
    settings = read(tmp_path, DATABASE_URL="postgres://app:hunter2@db:5432/x", ESTORNO_SECRET_KEY=KEY)
    shown = repr(settings) + repr(settings.shown())
    assert "hunter2" not in shown
    assert KEY not in shown
    assert "kkkk" not in shown
    assert "postgres://app:********@db:5432/x" in shown


def test_a_child_process_reads_the_very_same_settings(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        ESTORNO_ALLOWED_ORIGINS="https://a.example,https://b.example",
        ESTORNO_EGRESS_IPS="203.0.113.7, 2001:db8::/64",
        ESTORNO_NIGHTLY_AT="05:07",
        ESTORNO_INTROSPECTION="true",
    ).with_(database_url="postgres://a:b@db/x")
    assert Settings.read(settings.environment()) == settings


async def test_a_program_touches_its_file_as_long_as_it_lives(tmp_path: Path) -> None:
    path = read(tmp_path, ESTORNO_PULSE_FILE=str(tmp_path / "pulse")).pulse
    assert path is not None
    beating = asyncio.create_task(pulse.beat(path, 0.01))
    for _ in range(2):
        while not path.exists():  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.01)
        path.unlink()
    beating.cancel()
    assert read(tmp_path).pulse is None
