"""What a run plays: all kinds of history, the plain ones, or one kind alone, by its name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.trials.simulation.features import Feature
from tests.trials.simulation.themes import THEMES

F = Feature


@dataclass(frozen=True, slots=True)
class Playing:
    """Histories of reports with some of `features` in each example, and histories of the wire about one of `themes`.

    `all_of_them`: all of `features` in every example, and few other rules then.
    """

    features: frozenset[Feature] = frozenset()
    all_of_them: bool = False
    themes: tuple[str, ...] = ()

    def drawn(self, some: set[Feature]) -> frozenset[Feature]:
        """What an example plays that has drawn `some`."""
        return self.features if self.all_of_them else self.features & some


PLAIN: Final = Playing()
WIDE: Final = Playing(frozenset(Feature), themes=tuple(THEMES))
DEFAULT: Final = WIDE

# To get at one kind of history quickly, or past one that is found more often.
FOCUS: Final[Mapping[str, Playing]] = {
    "plain": PLAIN,
    "wide": WIDE,
    **{
        name: Playing(frozenset(features), all_of_them=True)
        for name, features in {
            "twins": {F.NAMELESS, F.TWINS},
            "ours-named": {F.NAMELESS, F.OURS_NAMED, F.BACK_OFFICE},
            "bank-transfer": {F.NAMELESS, F.BACK_OFFICE, F.BY_HAND},
            "chargebacks": {F.CHARGEBACKS},
            "later": {F.LATER, F.BACK_OFFICE},
            "later-webhook": {F.LATER, F.BACK_OFFICE, F.NEWS},
            "shared-order": {F.ORDERS, F.SHARED_ORDER, F.BACK_OFFICE},
            "late-return": {F.NAMELESS, F.NAMELESS_RETURNS, F.BACK_OFFICE},
            "revised": {F.MISTAKES},
            "revised-twice": {F.MISTAKES, F.TWO_KINDS},
            "parts": {F.PARTS},
            "two-kinds": {F.NAMELESS, F.TWO_KINDS, F.BACK_OFFICE},
            "two-kinds-ours": {F.NAMELESS, F.TWO_KINDS},
            "names": {F.PSE_NAMES, F.OVERLAP, F.ORDERS, F.TWINS, F.BY_HAND},
            "back-office": {F.MOVEMENTS, F.BACK_OFFICE},
            "accounting": {F.ACCOUNTING, F.BACK_OFFICE, F.MOVEMENTS},
            "accounting-bank": {F.ACCOUNTING, F.BANK, F.NEWS},
            "accounting-nameless": {F.ACCOUNTING, F.NAMELESS, F.NAMELESS_RETURNS, F.BACK_OFFICE},
            "accounting-revised": {F.ACCOUNTING, F.MISTAKES, F.BACK_OFFICE},
            "payouts": {F.PAYOUTS, F.ACCOUNTING},
            "payouts-two-kinds": {F.PAYOUTS, F.TWO_KINDS, F.OVERLAP},
            "doubled": {F.DOUBLED, F.BACK_OFFICE},
        }.items()
    },
    **{name: Playing(themes=(name,)) for name in THEMES},
}
