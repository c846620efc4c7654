"""Several API processes behind one name: a client asks any of them, and asks again when one dies under it."""

import random
from dataclasses import dataclass, field

from tests.chaos.stage import Stage


@dataclass(frozen=True, slots=True)
class Doors(Stage):
    """The stage with many doors. `ports` are those of API processes, dead or alive."""

    ports: list[int] = field(default_factory=list)

    @property
    def api_url(self) -> str:
        return f"http://{self.settings.host}:{random.choice(self.ports)}"


def many(stage: Stage, ports: list[int]) -> Doors:
    """The same stage, its API at these ports."""
    return Doors(stage.machine, stage.sandbox, stage.shop, stage.settings, stage.token, stage.payments, ports=ports)
