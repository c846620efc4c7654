"""Making the attacks one after the other, and the table of what came of them."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path

from tests.trials.attack.attacks import MEGABYTE, Attack, Outcome, make, plain_request
from tests.trials.attack.stage import stage

WIDTH = 80
_ROW = "{:<32} {:>6} {:>6} {:>7}  {:<23}"
HEAD = _ROW.format("attack", "CPU s", "MB", "sent", "answer")


async def run(
    attacks: Iterable[Attack], home: Path, rates: Mapping[str, int], *, once: bool = False
) -> AsyncIterator[Outcome]:
    """Each attack's outcome, as it is there. `once`: at full size only."""
    async with stage(home, rates) as both:
        plain = await plain_request(both.plain)
        for attack in attacks:
            yield await make(attack, both.rated if attack.rated else both.plain, plain, once=once)


def lines(outcome: Outcome) -> Sequence[str]:
    """An outcome in the table: CPU seconds at full size, memory that it left, bytes sent, the answer, the verdict."""
    row = _ROW.format(
        outcome.attack.name[:32],
        f"{outcome.full:.2f}",
        f"{outcome.grown / MEGABYTE:.0f}",
        _bytes(outcome.answer.sent),
        outcome.answer.said.replace("\n", " ")[:23],
    )
    return [row.rstrip(), *(f"    BROKEN: {reason}"[:WIDTH] for reason in outcome.broken)]


def _bytes(count: int) -> str:
    return f"{count / 1000:.0f} kB" if count >= 1000 else f"{count} B"
