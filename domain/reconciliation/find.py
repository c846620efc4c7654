"""Finding the nights' runs."""

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Whose, scope_of
from domain.models import ReconciliationRun


def readable(whose: Whose) -> QuerySet[ReconciliationRun]:
    """The runs that somebody may see: a run is of all stores, so none where only some may be seen. Raises Forbidden."""
    scope = scope_of(whose, Permission.READ_LEDGER)
    runs = ReconciliationRun.filter(merchant_id=scope.merchant_id)
    return runs if scope.is_whole else runs.filter(id__isnull=True)
