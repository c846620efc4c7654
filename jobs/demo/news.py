"""News on the demo day: an alert by mail and on two groups' robots, and webhooks to the merchant's own server."""

import asyncio
from typing import Any, Final

from domain.access.tokens import Role
from jobs import alerts
from jobs.demo.course import Day
from jobs.demo.opening import ERRORS, answer_of

_ENDPOINT: Final = (
    "mutation Make($input: EndpointCreateInput!) { endpointCreate(input: $input) { endpoint { id } secret "
    + ERRORS
    + " } }"
)
_RULE: Final = (
    "mutation Rule($input: AlertRuleSetInput!) { alertRuleSet(input: $input) { rule { name } " + ERRORS + " } }"
)
_MAILBOX: Final = "atendimento@loja.example"
_TRIES: Final = 150
_EVERY_SECONDS: Final = 0.2


async def begin(day: Day) -> None:
    """Say who is told what: a refund that fails is told at once on each channel, and every refund's end by webhook."""
    admin, sandbox = day.client(Role.ADMIN), day.stage.addresses.sandbox_url
    there = (await day.http.get(f"{sandbox}/_admin/channels")).json()
    channels = (
        ("EMAIL", _MAILBOX, None, "pt-BR"),
        ("DINGTALK", sandbox + there["paths"]["DINGTALK"], there["secret"], "zh-CN"),
        ("WECOM", sandbox + there["paths"]["WECOM"], None, "zh-CN"),
    )
    made = [await _endpoint(day, *channel) for channel in channels]
    rule = {"kind": "REFUND_FAILED", "severity": "CRITICAL", "endpointIds": made, "quietFrom": None, "quietUntil": None}
    await answer_of(admin, _RULE, "alertRuleSet", **rule)
    hook = {"kind": "WEBHOOK", "name": "ERP", "url": f"{sandbox}/receiver", "types": ["refund.success"]}
    secret = (await answer_of(admin, _ENDPOINT, "endpointCreate", **hook))["secret"]
    await day.http.post(f"{sandbox}/_admin/receiver", json={"secret": secret})


async def _endpoint(day: Day, kind: str, url: str, secret: str | None, language: str) -> str:
    new = {"kind": kind, "name": f"{kind.title()}", "url": url, "secret": secret}
    options = [{"name": "language", "value": language}]
    made = await answer_of(day.client(Role.ADMIN), _ENDPOINT, "endpointCreate", **new, options=options)
    found: str = made["endpoint"]["id"]
    return found


async def end(day: Day) -> None:
    """The alert of the refund that failed has arrived on each channel, and the server believes our webhooks."""
    await alerts.look(day.settings)  # the timetable's own look is each minute
    said = await _until(day, "channels", lambda one: bool(one["mail"] and one["dingtalk"] and one["wecom"]))
    mail = [one["subject"] for one in said["mail"] if one["to"] == _MAILBOX]
    day.expect(bool(mail), f"an alert comes by e-mail: {mail[0] if mail else 'none'}")
    robots = {
        "DingTalk": [one["markdown"]["title"] for one in said["dingtalk"]],
        "WeCom": [one["markdown"]["content"].splitlines()[0].lstrip("# ") for one in said["wecom"]],
    }
    for name, titles in robots.items():
        day.expect(bool(titles), f"and on {name}'s robot: {titles[0] if titles else 'none'}")
    told = await _until(day, "receiver", lambda one: bool(one["believed"]))
    right = bool(told["believed"]) and told["refused"] == 0
    day.expect(right, "the merchant's server verifies our webhooks with the official library")


async def _until(day: Day, what: str, holds: Any) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for _ in range(_TRIES):
        told = (await day.http.get(f"{day.stage.addresses.sandbox_url}/_admin/{what}")).json()
        if holds(told):
            break
        await asyncio.sleep(_EVERY_SECONDS)
    return told
