"""The channels that people read, by kind; webhooks for programs are elsewhere, and e-mail is not HTTP."""

from collections.abc import Mapping
from typing import Final

from domain.deliveries.channels import wording
from domain.deliveries.channels.channel import Address, Channel
from domain.deliveries.channels.dingtalk import DingTalk
from domain.deliveries.channels.feishu import Feishu
from domain.deliveries.channels.pagerduty import PagerDuty
from domain.deliveries.channels.slack import Slack
from domain.deliveries.channels.teams import Teams
from domain.deliveries.channels.wecom import WeCom
from domain.models.deliveries import EndpointKind

ROBOTS: Final[Mapping[EndpointKind, Channel]] = {
    one.kind: one for one in (DingTalk(), WeCom(), Feishu(), Slack(), Teams(), PagerDuty())
}
# Without these in its query the address of a robot lacks its password.
_QUERY: Final[Mapping[EndpointKind, str]] = {EndpointKind.DINGTALK: "access_token", EndpointKind.WECOM: "key"}
_RETIRED: Final = ("webhook.office.com", "outlook.office.com", "outlook.office365.com")


def why_not(kind: EndpointKind, to: Address) -> str | None:
    """Why this cannot be a robot of that kind, in a sentence without the address; None: it can."""
    try:
        url = wording.address(to.url)
    except ValueError as error:
        return str(error)
    needed = _QUERY.get(kind)
    if needed and not url.params.get(needed):
        return f"The address of a robot of {kind.title()} ends with {needed}=…: copy it whole."
    host = url.host.lower().rstrip(".")
    if kind is EndpointKind.TEAMS and any(host == one or host.endswith(f".{one}") for one in _RETIRED):
        return (
            "Microsoft has retired these connectors (Office 365, webhook.office.com) in 2026: make a workflow in Teams "
            '("Post to a channel when a webhook request is received") and give its address.'
        )
    if kind is EndpointKind.PAGERDUTY and not to.secrets:
        return "PagerDuty wants the routing key of an Events API v2 integration as its secret."
    return None
