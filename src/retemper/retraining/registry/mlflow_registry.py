"""A registry in MLflow: versions are MLflow's model versions, ``champion`` is the alias of the one in force.

A version's files (the same as in a folder's registry) are the artifacts of one MLflow run, uploaded before the version
that points to them is made, so it is there whole or not at all. ``challenger`` is the newest version that waits. The
change of an alias is one step of the server; each is noted before in a tag of the model, and a note whose step never
came is passed over. Whoever moves ``champion`` by other means is believed. MLflow has no "only if it is still version
2": of two promotions at the same moment the later one counts, whatever ``over`` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from retemper.core.version_records import Action, Change, Life, Lineage, Version
from retemper.data.columns import cache_folder
from retemper.retraining.registry import faults, mlflow_server
from retemper.retraining.registry.contents import first_changed, loadable, now, put_together
from retemper.retraining.registry.lineage import RECORD, lineage_of
from retemper.retraining.registry.mlflow_server import answering
from retemper.retraining.registry.on_disk import read_record
from retemper.retraining.registry.reference import NAME, Reference, check_name
from retemper.retraining.registry.sealed import Damaged, write_sealed

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

CHAMPION, CHALLENGER = "champion", "challenger"
EXPERIMENT, ARTIFACTS, CHANGE = "retemper", "version", "retemper.change."
EXISTS, ABSENT = "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST"


@dataclass(frozen=True)
class MlflowRegistry:
    """Versions of models in an MLflow server.

    Args:
        place: ``http://…``, ``https://…``, or ``mlflow:`` and a tracking URI.

    >>> registry = MlflowRegistry("http://localhost:5000")
    >>> registry.add("churn", "runs/a").number  # doctest: +SKIP
    1
    """

    place: str

    @cached_property
    def _client(self) -> MlflowClient:
        return mlflow_server.client(self.place)

    def names(self) -> list[str]:
        """See :class:`~retemper.retraining.registry.interface.Registry`."""
        found: list[str] = []
        token = None
        with answering(self.place):
            while True:
                page = self._client.search_registered_models(page_token=token)
                found += [model.name for model in page if NAME.fullmatch(model.name)]
                token = page.token
                if not token:
                    return sorted(found)

    def life(self, name: str) -> Life:
        """See :class:`~retemper.retraining.registry.interface.Registry`."""
        model = self._model(name)  # its aliases before its versions: what is in force is among them
        versions, damaged = [], []
        for own in self._versions(name):
            try:
                versions.append(self._record(own))
            except Damaged:
                damaged.append(int(own.version))
        return Life(name, tuple(versions), self._changes(model), tuple(damaged))

    def check_new(self, name: str) -> None:
        """See :class:`~retemper.retraining.registry.interface.Registry`."""
        check_name(name)
        with answering(self.place):
            self._client.search_registered_models(max_results=1)

    def add(
        self,
        name: str,
        model: Path | str,
        parent: int | None = None,
        decision: Mapping[str, Any] | None = None,
        note: str = "",
    ) -> Version:
        """See :class:`~retemper.retraining.registry.interface.Registry`."""
        self.check_new(name)
        if parent is not None and parent not in self.life(name).numbers:
            raise faults.unknown_version(self.life(name), parent, self.place)
        place = loadable(model)
        version = Version(0, now(), lineage_of(place, name, parent, decision, note), {})
        with TemporaryDirectory() as temporary, faults.registry_faults(Path(temporary)):
            folder = Path(temporary)
            version = replace(version, files=put_together(place, decision, folder))
            facts = asdict(version)
            del facts["number"]  # the server gives it
            write_sealed(folder / RECORD, facts)
            with answering(self.place):
                made = self._made(name, self._uploaded(name, folder, version.lineage), note)
        if made == 1:
            self._change(Life(name, (), ()), {}, "add", made, "")
        else:
            with answering(self.place):
                self._client.set_registered_model_alias(name, CHALLENGER, str(made))
        return replace(version, number=made)

    def promote(self, name: str, version: int, over: int | None = None, reason: str = "") -> Change:
        """See :class:`~retemper.retraining.registry.interface.Registry`."""
        model, life = self._model(name), self.life(name)
        if version not in life.numbers:
            raise faults.unknown_version(life, version, self.place)
        if life.in_force == version:
            return life.changes[-1]
        if over is not None and life.in_force != over:
            raise faults.champion_changed(name, over, life.in_force, self.place)
        self.fetch(Reference(name, version))  # damaged ones don't come into force
        return self._change(life, model.tags, "promote", version, reason)

    def rollback(self, name: str, reason: str = "") -> Change:
        """See :class:`~retemper.retraining.registry.interface.Registry`."""
        model, life = self._model(name), self.life(name)
        if life.before is None:
            raise faults.nothing_before(name, self.place)
        self.fetch(Reference(name, life.before))
        return self._change(life, model.tags, "rollback", life.before, reason)

    def fetch(self, reference: Reference) -> Path:
        """See :class:`~retemper.retraining.registry.interface.Registry`."""
        model, number = self._model(reference.name), reference.version
        if number is None:
            if CHAMPION not in model.aliases:
                raise faults.nothing_in_force(reference.name, self.place)
            number = int(model.aliases[CHAMPION])
        found = [own for own in self._versions(reference.name) if int(own.version) == number]
        if not found:
            raise faults.unknown_version(self.life(reference.name), number, self.place)
        run = found[0].run_id or "none"
        kept = cache_folder() / "registry" / run
        with faults.registry_faults(kept):
            if run != "none" and self._changed(kept, number) is not None:
                self._download(run, kept)
        changed = self._changed(kept, number)
        if changed is not None:
            raise faults.damaged_version(reference.name, number, kept / changed)
        return kept

    def _changed(self, folder: Path, number: int) -> str | None:
        try:
            return first_changed(read_record(folder, number=number).files, folder)
        except Damaged:
            return RECORD

    def _download(self, run: str, kept: Path) -> None:
        """The artifacts into the cache, by one rename; another process may have been faster."""
        kept.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=kept.parent, prefix=".") as temporary:
            new, old = Path(temporary) / "new", Path(temporary) / "old"
            new.mkdir()
            with answering(self.place):
                if not self._listed(run):
                    return  # a version that another program made
                found = Path(self._client.download_artifacts(run, ARTIFACTS, str(new)))
            if kept.exists():
                kept.rename(old)
            found.rename(kept)

    def _model(self, name: str) -> RegisteredModel:
        check_name(name)
        with answering(self.place):
            from mlflow.exceptions import MlflowException

            try:
                return self._client.get_registered_model(name)
            except MlflowException as error:
                if error.error_code != ABSENT:
                    raise
        raise faults.unknown_model(name, self.names(), self.place)

    def _versions(self, name: str) -> list[ModelVersion]:
        with answering(self.place):
            found = list(self._client.search_model_versions(f"name='{name}'"))
        return sorted(found, key=lambda own: int(own.version))

    def _record(self, own: ModelVersion) -> Version:
        file = f"{ARTIFACTS}/{RECORD}"
        with TemporaryDirectory() as temporary, answering(self.place):
            if not own.run_id or file not in self._listed(own.run_id):
                raise Damaged(RECORD)  # a version that another program made
            found = self._client.download_artifacts(own.run_id, file, temporary)
            return read_record(Path(found).parent, number=int(own.version))

    def _listed(self, run: str) -> list[str]:
        return [artifact.path for artifact in self._client.list_artifacts(run, ARTIFACTS)]

    def _uploaded(self, name: str, folder: Path, lineage: Lineage) -> str:
        """The run that keeps a version's files, and its scores for MLflow's own pages."""
        from mlflow.entities import Metric

        found = self._client.get_experiment_by_name(EXPERIMENT)
        experiment = found.experiment_id if found else self._new_experiment()
        run = self._client.create_run(experiment, run_name=name, tags={"retemper": lineage.retemper}).info
        scores = [(f"test.{key}", own.get("value")) for key, own in lineage.metrics.items()]
        metrics = [Metric(key, value, run.start_time, 0) for key, value in scores if value is not None]
        self._client.log_batch(run.run_id, metrics=metrics)
        self._client.log_artifacts(run.run_id, str(folder), ARTIFACTS)
        self._client.set_terminated(run.run_id)
        return str(run.run_id)

    def _new_experiment(self) -> str:
        from mlflow.exceptions import MlflowException

        try:
            return str(self._client.create_experiment(EXPERIMENT))
        except MlflowException as error:
            found = self._client.get_experiment_by_name(EXPERIMENT)  # another process was faster
            if error.error_code != EXISTS or found is None:
                raise
            return str(found.experiment_id)

    def _made(self, name: str, run: str, note: str) -> int:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != EXISTS:
                raise
        source = f"runs:/{run}/{ARTIFACTS}"
        return int(self._client.create_model_version(name, source, run, description=note).version)

    def _changes(self, model: RegisteredModel) -> tuple[Change, ...]:
        """The noted changes, as far as the alias confirms them."""
        keys = sorted(key for key in model.tags if key.startswith(CHANGE))
        try:
            noted = [TypeAdapter(Change).validate_json(model.tags[key]) for key in keys]
        except ValidationError:
            what = f"a tag {CHANGE}… is not what was written"
            raise faults.damaged_registry(model.name, Path(self.place), what) from None
        champion = model.aliases.get(CHAMPION)
        at = datetime.fromtimestamp((model.last_updated_timestamp or 0) / 1000, UTC)
        return confirmed(noted, None if champion is None else int(champion), at.isoformat(timespec="seconds"))

    def _change(
        self, life: Life, tags: Mapping[str, str], action: Action, version: int, reason: str
    ) -> Change:
        change = Change(action, version, life.in_force, now(), reason)
        with answering(self.place):
            for number, own in enumerate([*life.changes, change]):
                text, key = TypeAdapter(Change).dump_json(own).decode(), f"{CHANGE}{number:06}"
                if tags.get(key) != text:
                    self._client.set_registered_model_tag(life.name, key, text)
            self._client.set_registered_model_alias(life.name, CHAMPION, str(version))
            if self._client.get_registered_model(life.name).aliases.get(CHALLENGER) == str(version):
                self._client.delete_registered_model_alias(life.name, CHALLENGER)
        return change


def confirmed(noted: Iterable[Change], champion: int | None, at: str) -> tuple[Change, ...]:
    """Changes as the champion bears them out.

    Args:
        noted: each written before its step was taken, oldest first.
        champion: the version in force; None: none is.
        at: when it may have been changed by another program.

    >>> first, second = Change("add", 1, None, "a"), Change("promote", 2, 1, "b")
    >>> confirmed([first, second], 2, "c") == (first, second), confirmed([first, second], 1, "c") == (first,)
    (True, True)
    >>> confirmed([first], 7, "c")[-1].reason
    'changed in MLflow by another program'
    """
    known = tuple(noted)
    if champion is None:
        return ()
    if known and known[-1].version != champion and known[-1].before == champion:
        known = known[:-1]
    if known and known[-1].version == champion:
        return known
    before = known[-1].version if known else None
    return (*known, Change("promote", champion, before, at, "changed in MLflow by another program"))
