"""Tortoise's executor of migrations, without what a migration of ours never asks for."""

from tortoise.migrations.executor import MigrationExecutor
from tortoise.migrations.graph import MigrationKey
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.schema_generator.state_apps import StateApps


class _Apps(StateApps):
    """The models as they were at a migration, for their tables only."""

    def _build_initial_querysets(self) -> None:
        # Tortoise makes every model anew for every operation, ready to be asked for rows. Migrations here speak SQL and
        # ask no model: the queries that nobody makes would take more time than all else that a new database costs.
        pass


class Executor(MigrationExecutor):
    """Applies the migrations that a database lacks."""

    async def _project_state(self, applied: set[MigrationKey], *, upto: MigrationKey | None = None) -> State:
        state = await super()._project_state(applied, upto=upto)
        state.apps.__class__ = _Apps  # its clones, one for each operation, are of the same class
        return state
