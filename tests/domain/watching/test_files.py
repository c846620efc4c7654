"""The files that Prometheus and Grafana read: they are whole, and speak of nothing that is not told."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from domain.models.deliveries import EndpointState
from domain.platform import metrics
from domain.watching.standing import FAMILIES, Census

_PLACE = Path(__file__).resolve().parents[3] / "deploy" / "watching"
_METRIC = re.compile(r"estorno_[a-z_]+")
_SELECTED = re.compile(r"(estorno_[a-z_]+)\{([^}]*)\}")
_LABEL = re.compile(r"([a-z]+)\s*(?:=~|!=|=)")
_KINDS = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",), "gauge": ("",)}


def _told() -> dict[str, frozenset[str]]:
    """Every name that a query may use, with its labels."""
    own = {family: frozenset[str](metric._labelnames) for metric, family in _of_processes()}
    named = {family.name: (family.type, own[family.name]) for family in metrics.REGISTRY.collect()}
    named |= {name: ("gauge", frozenset(labels)) for name, (_, labels) in FAMILIES.items()}
    named["estorno_standing_up"] = ("gauge", frozenset())
    return {name + end: labels for name, (kind, labels) in named.items() for end in _KINDS[kind]}


def _of_processes() -> Iterator[tuple[Any, str]]:
    for metric in metrics.REGISTRY._collector_to_names:
        for family in metric.collect():
            yield metric, family.name


def _rules() -> list[dict[str, Any]]:
    told = yaml.safe_load((_PLACE / "alerts.yml").read_text())
    return [rule for group in told["groups"] for rule in group["rules"]]


def _panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = json.loads((_PLACE / "dashboard.json").read_text())["panels"]
    return panels


def _queries() -> list[str]:
    shown = [target["expr"] for panel in _panels() for target in panel["targets"]]
    return [*(rule["expr"] for rule in _rules()), *shown]


def test_rules_and_panels_speak_of_what_is_told_by_its_own_labels() -> None:
    told = _told()
    for query in _queries():
        for name in _METRIC.findall(query):
            assert name in told, f"{name} of {query!r} is told by nobody."
        for name, selected in _SELECTED.findall(query):
            assert set(_LABEL.findall(selected)) <= told[name], query
        assert query.count("(") == query.count(")")


def test_what_is_told_is_shown_or_warned_of() -> None:
    used = {name for query in _queries() for name in _METRIC.findall(query)}
    ends = ("_bucket", "_count", "_sum", "_total")
    plain = {name.removesuffix(end) for name in used for end in (*ends, "")}
    names = {family.name for family in (*metrics.REGISTRY.collect(), *Census().describe())}
    assert names - plain - {"estorno_build_info", "estorno_refunds_oldest_timestamp_seconds"} == set()


def test_each_rule_says_what_is_so_what_to_do_and_how_urgent_it_is() -> None:
    names = [rule["alert"] for rule in _rules()]
    assert len(set(names)) == len(names) >= 10
    for rule in _rules():
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert set(rule["annotations"]) == {"summary", "action"}
        assert re.fullmatch(r"\d+[mh]", rule["for"]), rule["alert"]
    assert {"BROKEN"} <= set(EndpointState), "The rules name it."


def test_prometheus_asks_each_process_and_reads_the_rules() -> None:
    told = yaml.safe_load((_PLACE / "prometheus.yml").read_text())
    assert [(_PLACE / name).is_file() for name in told["rule_files"]] == [True]
    targets = [one for job in told["scrape_configs"] for group in job["static_configs"] for one in group["targets"]]
    services = yaml.safe_load((_PLACE.parents[1] / "docker-compose.yml").read_text())["services"]
    assert {one.partition(":")[0] for one in targets} <= set(services)


def test_panels_stand_beside_each_other() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in _panels()]
    assert len(set(places)) == len(places) == len({panel["id"] for panel in _panels()})
