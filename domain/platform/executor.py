"""Tortoise's executor of migrations, without what a migration of ours never asks for.

Tortoise makes the models anew for every operation, ready to be asked for rows. Migrations here speak SQL and ask no
model: what nobody asks for would take more time than all else that a new database costs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tortoise import models
from tortoise.fields.base import Field
from tortoise.fields.relational import ForeignKeyFieldInstance
from tortoise.migrations.executor import MigrationExecutor
from tortoise.migrations.graph import MigrationKey
from tortoise.migrations.schema_editor import AsyncpgSchemaEditor
from tortoise.migrations.schema_generator.state import ModelState, State
from tortoise.migrations.schema_generator.state_apps import StateApps

_FILTERS = "get_filters_for_field"


class _Apps(StateApps):
    """The models as they were at a migration, for their tables only."""

    def _build_initial_querysets(self) -> None:
        pass  # no model is asked for rows

    def unregister_model(self, app_label: str, model_name: str) -> None:
        self.apps.get(app_label, {}).pop(model_name, None)  # it stays as it is: `before` may hold it

    def before(self) -> "_Apps":
        """These models, whatever is registered here later: a model that changes is made anew."""
        kept = _Apps(default_connections=dict(self._default_connections), connections=self._connections)
        kept.apps = {label: dict(app) for label, app in self.apps.items()}
        return kept


class Tables(State):
    """The schema at a migration, whose models nobody asks for rows."""

    apps: _Apps

    def clone(self) -> State:
        """What an operation finds before it: models and fields themselves, for they are not changed but replaced."""
        kept = {
            key: replace(model, options=dict(model.options), fields=dict(model.fields))
            for key, model in self.models.items()
        }
        return Tables(kept, self.apps.before())

    def _find_related_models(self, app_label: str, model_name: str) -> set[tuple[str, str]]:
        """Itself: its statements are of its own table, and who refers to it is made anew when something is theirs."""
        return {(app_label, model_name)}

    def _reload(self, models_to_reload: set[tuple[str, str]]) -> None:
        # A model that was dropped may still be named by one that stands: it is not made anew.
        with _without_filters():
            for label, name in models_to_reload & self.models.keys():
                self.apps.unregister_model(label, name)
                self.apps.register_model(label, _without_ways_back(self.models[label, name].render(self.apps)))
            self.apps._init_relations()


def _without_ways_back(model: type[models.Model]) -> type[models.Model]:
    """Nobody goes from a row to those that refer to it, so that no other model need be made anew with this one."""
    for field in model._meta.fields_map.values():
        if isinstance(field, ForeignKeyFieldInstance):  # one to one is a kind of it
            field.related_name = False
    return model


class Outline(State):
    """The schema at a migration in outline, without models: what is passed over needs no table in between."""

    def __init__(self, models: dict[tuple[str, str], ModelState], apps: StateApps) -> None:
        super().__init__(models, apps)
        self.apps.__class__ = _Apps  # a model that was never made may be dropped

    def _reload(self, models_to_reload: set[tuple[str, str]]) -> None:
        pass  # `tables` makes them all, once

    def tables(self) -> Tables:
        """The same, with its models."""
        assert isinstance(self.apps, _Apps)
        made = Tables(self.models, self.apps)
        made._reload(set(self.models))
        return made


class _Editor(AsyncpgSchemaEditor):
    """Writes the statements. A new column that must say something says its default in the rows that are there."""

    async def add_field(self, model: type[models.Model], field_name: str) -> None:
        field = model._meta.fields_map[field_name]
        if field.null or field.has_db_default() or field.default is None or callable(field.default):
            await super().add_field(model, field_name)
            return
        with _written_default(field):
            await super().add_field(model, field_name)
        column = model._meta.fields_db_projection[field_name]
        await self._run_sql(f'ALTER TABLE "{model._meta.db_table}" ALTER COLUMN "{column}" DROP DEFAULT')


@contextmanager
def _written_default(field: Field[object]) -> Iterator[None]:
    unset, field.db_default = field.db_default, field.default
    try:
        yield
    finally:
        field.db_default = unset


@contextmanager
def _without_filters() -> Iterator[None]:
    """No model that is made meanwhile can be filtered. Nothing may be awaited in the block."""
    usual = getattr(models, _FILTERS)
    setattr(models, _FILTERS, lambda **_: {})
    try:
        yield
    finally:
        setattr(models, _FILTERS, usual)


class Executor(MigrationExecutor):
    """Applies the migrations that a database lacks."""

    def _schema_editor(self, atomic: bool = True, collect_sql: bool = False) -> AsyncpgSchemaEditor:
        return _Editor(self.connection, atomic=atomic, collect_sql=collect_sql)

    async def _project_state(self, applied: set[MigrationKey], *, upto: MigrationKey | None = None) -> State:
        empty = await super()._project_state(set())
        state = Outline(empty.models, empty.apps)
        for key in self._full_plan():
            if key == upto:
                break
            if key not in applied:
                continue
            migration = self.loader.graph.nodes[key]
            if migration is None:
                raise ValueError(f"Missing migration for {key}")
            await migration.apply(state, dry_run=True, schema_editor=None)
        return state.tables()
