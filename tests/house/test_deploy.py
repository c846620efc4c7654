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

from api.console import registry
from api.console.bodies import FILES_BYTES_MAX, FORM_BYTES_MAX
from api.console.person import PREFIX
from api.files import UPLOAD_PREFIX
from api.http import BODY_BYTES_MAX
from domain.files.kinds import SIZE_MAX
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


def test_every_service_is_bounded_and_may_do_nothing_that_it_need_not(services: dict[str, Any]) -> None:
    for name, one in services.items():
        assert one["read_only"] is True, name
        assert "/tmp" in [place.partition(":")[0] for place in one["tmpfs"]], name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert one["pids_limit"] <= 512, name
        assert one["cpus"] <= 2, name
        assert re.fullmatch(r"[0-9]+[mg]", one["mem_limit"]), name
        assert not {"privileged", "network_mode", "pid", "devices", "ipc", "userns_mode"} & one.keys(), name
        assert "docker.sock" not in str(one.get("volumes")), name
    assert {name: one["cap_add"] for name, one in services.items() if "cap_add" in one} == {
        "proxy": ["NET_BIND_SERVICE"]
    }
    assert [name for name, one in services.items() if one["user"].startswith(("0", "root"))] == ["proxy"]
    published = {name: one["ports"] for name, one in services.items() if "ports" in one}
    assert {name for name, ports in published.items() if not ports[0].startswith("127.0.0.1:")} == {"proxy"}


def _unpinned() -> set[str]:
    """Images of others that are named without a digest."""
    dockerfile = (CHECKOUT / "Dockerfile").read_text()
    named = set(re.findall(r"(?m)^\s+image: (\S+)$", (CHECKOUT / "docker-compose.yml").read_text()))
    named |= set(re.findall(r"(?m)^FROM (\S+)", dockerfile)) - set(re.findall(r" AS (\w+)", dockerfile))
    return {one for one in named if "@sha256:" not in one and not one.startswith("estorno")}


def test_which_images_are_not_pinned_is_said_where_a_reviewer_reads() -> None:
    said = (CHECKOUT / "docs" / "security.md").read_text()
    assert {one for one in _unpinned() if f"`{one}`" not in said} == set()


def test_pinning_writes_the_digest_behind_each_image_of_others(tmp_path: Path) -> None:
    for name in ("docker-compose.yml", "Dockerfile"):
        (tmp_path / name).write_text((CHECKOUT / name).read_text())
    docker = tmp_path / "docker"  # the one program that is asked; the registry is not here
    docker.write_text(
        '#!/bin/sh\ncase "$4" in caddy*) exit 1;; esac\necho "sha256:$(echo $4 | sha256sum | cut -c1-64)"\n'
    )
    docker.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    script = [sys.executable, str(CHECKOUT / "deploy" / "pin_images.py"), str(tmp_path)]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "caddy:2" in done.stderr
    written = (tmp_path / "docker-compose.yml").read_text()
    assert re.search(r"image: postgres:18@sha256:[0-9a-f]{64}\n", written)
    assert re.search(r"image: valkey/valkey:9@sha256:[0-9a-f]{64}\n", written)
    assert "image: caddy:2\n" in written
    assert "image: estorno:latest\n" in written
    pinned = (tmp_path / "Dockerfile").read_text()
    assert len(re.findall(r"FROM python:3.13-slim@sha256:[0-9a-f]{64} AS", pinned)) == 2
    assert "FROM estorno AS sandbox" in pinned
    again = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert ((tmp_path / "Dockerfile").read_text(), again.returncode) == (pinned, 1)


def test_what_the_image_is_made_of_is_listed_and_audited_by_locked_tools_that_are_not_in_it() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    assert "--strict" in makefile, "Else an audit that could not ask anybody would pass."
    lock = (CHECKOUT / "deploy" / "supply.lock").read_text()
    for tool in ("cyclonedx-bom", "pip-audit"):
        assert re.search(rf"(?m)^{tool}==[0-9.]+ \\\n +--hash=sha256:", lock)
        assert f"{tool}==" not in (CHECKOUT / "deploy" / "requirements.lock").read_text()
        assert f'"{tool}==' in (CHECKOUT / "pyproject.toml").read_text()


def test_the_proxy_lets_through_what_each_address_takes() -> None:
    proxy = (CHECKOUT / "deploy" / "Caddyfile").read_text()
    pages = sorted({re.sub(r"\{[^}]+\}", "*", PREFIX + page.path) for page in registry.pages() if page.takes_files})
    paths = " ".join([f"{UPLOAD_PREFIX}*", *pages])
    assert re.findall(r"(?m)^\t@(\w+) (.*)$", proxy) == [("files", f"path {paths}"), ("others", f"not path {paths}")]
    sizes = dict(re.findall(r"(?m)^\trequest_body @(\w+) \{\n\t\tmax_size ([0-9]+)MiB\n\t\}$", proxy))
    assert {name: int(size) * 1024 * 1024 for name, size in sizes.items()} == {
        "files": FILES_BYTES_MAX,
        "others": BODY_BYTES_MAX,
    }
    assert proxy.count("request_body") == 2
    assert FILES_BYTES_MAX > SIZE_MAX > BODY_BYTES_MAX > FORM_BYTES_MAX


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
