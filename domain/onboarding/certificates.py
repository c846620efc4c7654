"""The certificates among a connection's secrets: until when each works, and when somebody must be told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509

from domain.pse.checking import CheckCode, Checked, CheckOutcome

ANNOUNCED_DAYS: Final = (30, 7, 1)  # before its end a certificate is spoken of
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_TO_DO: Final = "Have the PSE give a new certificate, and set it on the connection before this one ends."


@dataclass(frozen=True, slots=True)
class Certificate:
    """`name`: of the secret that it is in. Both moments are UTC."""

    name: str
    begins_at: datetime
    ends_at: datetime

    def announcement(self, now: datetime) -> int | None:
        """The smallest of ANNOUNCED_DAYS within which it ends; None: there is time."""
        left = self.ends_at - now
        return min((days for days in ANNOUNCED_DAYS if left <= timedelta(days=days)), default=None)


def certificates_in(secrets: Mapping[str, str]) -> Sequence[Certificate]:
    """Every certificate in PEM, of a chain the first to end. What cannot be read is left out: it cannot be used."""
    found: list[Certificate] = []
    for name, text in sorted(secrets.items()):
        if _BEGIN not in text:
            continue
        try:
            chain = x509.load_pem_x509_certificates(text.encode())
        except ValueError:
            continue
        first = min(chain, key=lambda one: one.not_valid_after_utc)
        found.append(Certificate(name, first.not_valid_before_utc, first.not_valid_after_utc))
    return found


def check(certificates: Sequence[Certificate], now: datetime) -> Checked:
    """Whether all of them work today; `now` is UTC."""
    code = CheckCode.CERTIFICATE
    if not certificates:
        return Checked(code, CheckOutcome.PASSED, "The connection has no certificates.", "")
    told = "; ".join(f"{one.name} works from {_day(one.begins_at)} until {_day(one.ends_at)}" for one in certificates)
    works = all(one.begins_at <= now < one.ends_at for one in certificates)
    return Checked(code, CheckOutcome.PASSED, told, "") if works else Checked(code, CheckOutcome.FAILED, told, _TO_DO)


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"
