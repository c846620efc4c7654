"""The languages in which people are told something: the first is the one in which it is written."""

from typing import Final

ENGLISH: Final = "en"
LOCALES: Final = (ENGLISH, "zh-CN", "es", "pt-BR")
