"""The chart of accounts as data (chart.toml): type, normal side, and what stands in an account, in four languages."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from domain.languages import LOCALES
from domain.models.ledger import Account


class Type(StrEnum):
    """What an account is in a balance sheet or in a statement of income."""

    ASSET = "ASSET"
    LIABILITY = "LIABILITY"
    EQUITY = "EQUITY"
    INCOME = "INCOME"
    EXPENSE = "EXPENSE"


class AccountSide(StrEnum):
    """On which side an account grows."""

    DEBIT = "DEBIT"
    CREDIT = "CREDIT"


_SIDES: Final = {Type.ASSET: AccountSide.DEBIT, Type.EXPENSE: AccountSide.DEBIT}


@dataclass(frozen=True, slots=True)
class InChart:
    """One account of the chart; `meaning` by locale."""

    account: Account
    type: Type
    side: AccountSide
    meaning: Mapping[str, str]

    def in_words(self, locale: str) -> str:
        """The meaning, in English where the locale is not one of ours."""
        return self.meaning[locale if locale in LOCALES else "en"]


@cache
def chart() -> Mapping[Account, InChart]:
    """Every account of the ledger, in the order of a balance sheet."""
    told = tomllib.loads((Path(__file__).parent / "chart.toml").read_text(encoding="utf-8"))
    return {Account(name): _of(name, facts) for name, facts in told.items()}


def _of(name: str, facts: Mapping[str, Any]) -> InChart:
    type_ = Type(facts["type"])
    side = AccountSide(facts["side"]) if "side" in facts else _SIDES.get(type_, AccountSide.CREDIT)
    return InChart(Account(name), type_, side, {locale: facts[locale] for locale in LOCALES})
