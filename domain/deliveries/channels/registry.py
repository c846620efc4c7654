"""Which channel speaks to which kind of endpoint by HTTP; e-mail is none of them (jobs/wire/mail)."""

from collections.abc import Mapping
from typing import Final

from domain.deliveries.channels.channel import Channel
from domain.deliveries.channels.robots import ROBOTS
from domain.deliveries.channels.webhook import Webhook
from domain.models.deliveries import EndpointKind

CHANNELS: Final[Mapping[EndpointKind, Channel]] = {EndpointKind.WEBHOOK: Webhook(), **ROBOTS}
