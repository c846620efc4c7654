"""How much each channel takes in a minute, as it publishes it, and how much of that we use.

An endpoint's pace is a row that all workers share (due.claim). It stays below what is published, because one message
too many mutes a DingTalk robot for ten minutes, and because tests and tries again count as well.
"""

from collections.abc import Mapping
from typing import Final

from domain.models.deliveries import EndpointKind

PUBLISHED: Final[Mapping[EndpointKind, int]] = {
    EndpointKind.DINGTALK: 20,
    EndpointKind.WECOM: 20,
    EndpointKind.FEISHU: 100,  # and five in a second
    EndpointKind.SLACK: 60,
    EndpointKind.PAGERDUTY: 120,
}
USED: Final[Mapping[EndpointKind, int]] = {
    EndpointKind.DINGTALK: 15,
    EndpointKind.WECOM: 15,
    EndpointKind.FEISHU: 80,
    EndpointKind.SLACK: 50,
    EndpointKind.PAGERDUTY: 100,
    # Nothing is published of these: our own measure, for a relay that is flooded greylists all of us.
    EndpointKind.TEAMS: 50,
    EndpointKind.EMAIL: 30,
}


def held(kind: EndpointKind, per_minute: int) -> int:
    """How much an endpoint is sent in a minute, where somebody wants so much."""
    return min(per_minute, USED.get(kind, per_minute))
