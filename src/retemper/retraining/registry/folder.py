"""A registry in a folder that people can read.

::

    REGISTRY/churn/in_force.json              which version, and every change of it
    REGISTRY/churn/versions/3/version.json    lineage and checksums
    REGISTRY/churn/versions/3/model/          the bundle; beside it recipe.yaml, result.json, decision.json of its run

A version is put together beside its place and renamed into it, so it is there whole or not at all, and never changes.
What changes is in_force.json alone, replaced by one rename. Writers wait for each other's lock, which the operating
system frees when they die; readers never wait. A reader looks at in_force.json before it looks at the versions, so
what is in force is among what it finds.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retemper.core.errors import InputError
from retemper.core.version_records import Action, Change, Life, Version
from retemper.retraining.registry import faults, on_disk
from retemper.retraining.registry.contents import first_changed, loadable, now, put_together
from retemper.retraining.registry.lineage import RECORD, lineage_of
from retemper.retraining.registry.reference import NAME, Reference, check_name
from retemper.retraining.registry.sealed import Damaged
from retemper.retraining.registry.waiting import held


@dataclass(frozen=True)
class FolderRegistry:
    """Versions of models in a folder; it is made by the first ``add``.

    Args:
        place: the folder.

    >>> import tempfile
    >>> import numpy as np
    >>> from retemper import NetRegressor
    >>> x = np.linspace(0, 1, 60)[:, None]
    >>> bundle = NetRegressor(hidden_units=8, epochs=2, random_state=0).fit(x, x[:, 0]).model_.save(tempfile.mkdtemp())
    >>> registry = FolderRegistry(tempfile.mkdtemp())
    >>> [registry.add("ramp", bundle).number for _ in range(2)], registry.life("ramp").in_force
    ([1, 2], 1)
    >>> registry.promote("ramp", 2).before, registry.rollback("ramp").version
    (1, 1)
    """

    place: str

    def names(self) -> list[str]:
        """See :class:`~retemper.retraining.registry.interface.Registry`."""
        root = Path(self.place)
        with faults.reading(root):
            found = [path.name for path in root.iterdir()] if root.exists() else []
            return sorted(name for name in found if NAME.fullmatch(name) and on_disk.numbers(root / name))

    def life(self, name: str) -> Life:
        """See :class:`~retemper.retraining.registry.interface.Registry`."""
        model = self._model(name)
        with faults.reading(model):
            changes = self._changes(model)
            versions, damaged = [], []
            for number in on_disk.numbers(model):
                try:
                    versions.append(on_disk.read_version(model / "versions" / str(number)))
                except Damaged:
                    damaged.append(number)
        return Life(name, tuple(versions), changes, tuple(damaged))

    def check_new(self, name: str) -> None:
        """See :class:`~retemper.retraining.registry.interface.Registry`."""
        check_name(name)
        root = Path(self.place)
        with faults.reading(root):
            other = [own for own in self.names() if own != name and own.lower() == name.lower()]
        if other:
            raise InputError(
                "bad_name",
                f"There is a model {other[0]!r} already; names that differ in capitals alone are one on some systems.",
                {"name": name},
                f"Write {other[0]}, or choose another name.",
            )
        above = next(path for path in [root / name, *(root / name).absolute().parents] if path.exists())
        if not above.is_dir() or not os.access(above, os.W_OK):
            raise InputError(
                "cannot_write",
                "The registry can't be written.",
                {"folder": str(above)},
                "Choose a registry that you may write to (--registry, RETEMPER_REGISTRY).",
            )

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
        if parent is not None:
            self._check_version(self.life(name), parent)
        place = loadable(model)
        lineage = lineage_of(place, name, parent, decision, note)
        folder = Path(self.place) / name
        with faults.registry_faults(folder), on_disk.draft(folder) as (draft, lock):
            files = put_together(place, decision, draft)
            with held(folder):
                changes = self._changes(folder)
                there = on_disk.numbers(folder)
                number = max([0, *there, *(change.version for change in changes)]) + 1
                version = Version(number, now(), lineage, files)
                on_disk.publish(draft, lock, version)
                if number == 1:  # there is no other that it could be worse than
                    on_disk.write_changes(folder, [Change("add", 1, None, now())])
        return version

    def promote(self, name: str, version: int, over: int | None = None, reason: str = "") -> Change:
        """See :class:`~retemper.retraining.registry.interface.Registry`."""
        model = self._model(name)
        with faults.registry_faults(model), held(model):
            life = self.life(name)
            self._check_version(life, version)
            if life.in_force == version:
                return life.changes[-1]
            if over is not None and life.in_force != over:
                raise faults.champion_changed(name, over, life.in_force, self.place)
            return self._change(life, "promote", version, reason)

    def rollback(self, name: str, reason: str = "") -> Change:
        """See :class:`~retemper.retraining.registry.interface.Registry`."""
        model = self._model(name)
        with faults.registry_faults(model), held(model):
            life = self.life(name)
            if life.before is None:
                raise faults.nothing_before(name, self.place)
            return self._change(life, "rollback", life.before, reason)

    def fetch(self, reference: Reference) -> Path:
        """See :class:`~retemper.retraining.registry.interface.Registry`."""
        model, number = self._model(reference.name), reference.version
        with faults.reading(model):
            if number is None:
                changes = self._changes(model)
                if not changes:
                    raise faults.nothing_in_force(reference.name, self.place)
                number = changes[-1].version
            if number not in on_disk.numbers(model):
                raise faults.unknown_version(self.life(reference.name), number, self.place)
            return self._checked(model, number)

    def _change(self, life: Life, action: Action, version: int, reason: str) -> Change:
        model = self._model(life.name)
        self._checked(model, version)
        change = Change(action, version, life.in_force, now(), reason)
        on_disk.write_changes(model, [*life.changes, change])
        return change

    def _checked(self, model: Path, number: int) -> Path:
        """A version's folder, every file as it was added."""
        folder = model / "versions" / str(number)
        try:
            changed = first_changed(on_disk.read_version(folder).files, folder)
        except Damaged:
            changed = RECORD
        if changed is not None:
            raise faults.damaged_version(model.name, number, folder / changed)
        return folder

    def _check_version(self, life: Life, version: int) -> None:
        if version not in life.numbers:
            raise faults.unknown_version(life, version, self.place)

    def _changes(self, model: Path) -> tuple[Change, ...]:
        try:
            return on_disk.read_changes(model)
        except Damaged as error:
            raise faults.damaged_registry(
                model.name, model / str(error), f"{error} is not what was written"
            ) from None

    def _model(self, name: str) -> Path:
        check_name(name)
        model = Path(self.place) / name
        with faults.reading(model):
            if not on_disk.numbers(model):
                raise faults.unknown_model(name, self.names(), self.place)
        return model
