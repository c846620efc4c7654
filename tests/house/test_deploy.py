"""What the compose file and the Dockerfile say of us is so. No Docker runs here: the files are read, not started."""

import os
import re
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from domain.platform.settings import Settings

CHECKOUT = Path(__file__).resolve().parents[2]
OURS = ("api", "worker", "batch", "timetable", "migrate")
NOT_OF_THE_FILE = {
    "ESTORNO_HOME",  # the image's
    "ESTORNO_PULSE_FILE",  # the image's
    "ESTORNO_OWNER_DATABASE_URL",  # migrate's alone
    "ESTORNO_CRASH",  # for tests only
    "ESTORNO_URL",  # of who sits at the command line
    "ESTORNO_TOKEN",  # the same
}
SET_HERE = {"DATABASE_URL", "REDIS_URL", "ESTORNO_SECRET_KEY", "ESTORNO_HOST", "ESTORNO_PORT", "ESTORNO_FILES"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
    return found


def test_the_compose_file_has_the_whole_family_from_one_image(services: dict[str, Any]) -> None:
    replicas = {name: one.get("deploy", {}).get("replicas", 1) for name, one in services.items()}
    wanted = {"api": 2, "worker": 2, "batch": 1, "timetable": 2}
    assert {name: replicas[name] for name in wanted} == wanted
    assert {services[name]["image"] for name in OURS} == {"estorno:latest"}
    assert {name for name, one in services.items() if one.get("profiles")} == {"sandbox", "proxy"}


@pytest.mark.parametrize("name", OURS)
def test_every_setting_reaches_our_containers_and_no_password_that_is_not_theirs(
    services: dict[str, Any], name: str
) -> None:
    one = services[name]
    assert one["env_file"] == [{"path": ".env", "required": False}]  # so that a misspelt one is named at the start
    assert {one["environment"][hidden] for hidden in ("POSTGRES_PASSWORD", "OWNER_PASSWORD")} == {""}
    settings = {one.metadata["variable"] for one in fields(Settings)}
    passed = {variable for variable in one["environment"] if variable in settings}
    assert passed - {"ESTORNO_OWNER_DATABASE_URL"} == settings - NOT_OF_THE_FILE
    for variable in passed - SET_HERE - {"ESTORNO_OWNER_DATABASE_URL"}:
        assert one["environment"][variable] == f"${{{variable}:-}}"
    assert one["environment"]["PGPASSWORD"].startswith("${OWNER_" if name == "migrate" else "${APP_")


def test_every_variable_of_the_file_that_begins_as_ours_is_a_setting() -> None:
    named = set(re.findall(r"ESTORNO_[A-Z_]+", (CHECKOUT / "docker-compose.yml").read_text()))
    assert named <= {one.metadata["variable"] for one in fields(Settings)}


def test_each_service_that_stays_has_a_health_check_and_ours_write_nowhere(services: dict[str, Any]) -> None:
    assert [name for name, one in services.items() if "healthcheck" not in one] == ["migrate"]
    assert all(services[name]["read_only"] and services[name]["tmpfs"] == ["/tmp"] for name in OURS)
    assert "-h" in services["postgres"]["healthcheck"]["test"], "The server of the image's scripts has no port."
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in set(OURS) - {"migrate"}:
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_a_worker_that_does_not_touch_its_file_is_unhealthy(services: dict[str, Any], tmp_path: Path) -> None:
    *_, code = services["worker"]["healthcheck"]["test"]
    pulse = tmp_path / "pulse"
    code = code.replace("/tmp/estorno.pulse", str(pulse))

    def healthy() -> bool:
        return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0

    assert not healthy()
    pulse.touch()
    assert healthy()
    os.utime(pulse, (time.time() - 60, time.time() - 60))
    assert not healthy()


def test_the_image_runs_as_nobody_special_and_has_neither_tests_nor_servers() -> None:
    stages = dict(re.findall(r"(?ms)^FROM \S+ AS (\w+)\n(.*?)(?=^FROM |\Z)", (CHECKOUT / "Dockerfile").read_text()))
    assert set(stages) == {"build", "estorno", "sandbox"}
    assert "tests" not in stages["build"] + stages["estorno"]
    assert re.search(r"(?m)^USER [1-9]\d+$", stages["estorno"])
    assert "deploy/requirements.lock" in stages["build"]
    copied = re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", "".join(stages.values()))
    sent = {line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {path.removeprefix("./") for paths in copied for path in paths.split()} == sent
