"""A way to train, and the ways that differ from it by one remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from retemper.core import catalogue
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.surgery.patient import Patient

ORDER = (
    "right_head",
    "more_capacity",
    "less_capacity",
    "another_activation",
    "normalise_layers",
    "residual_connections",
    "less_regularisation",
    "regularise_more",
    "scale_inputs",
    "augment",
    "another_initialisation",
    "scale_targets",
    "class_weights",
    "label_smoothing",
    "evaluation_mode",
    "thaw_parameters",
    "training_mode",
)
"""Operations in the order in which they are done: from the end to the inside, scales around it, last the loss, and
what learns and when."""
RATE = "training.optimizer.learning_rate"
RATES = {"raise_learning_rate": (10.0, 3.0), "lower_learning_rate": (1 / 10, 1 / 3)}
"""Factors that are tried beside one another, for a rate is seldom off by just as much as a remedy's step."""


@dataclass(frozen=True)
class Measure:
    """A remedy that was taken.

    Args:
        remedy: its name.
        finding: it is for.
        changes: of the recipe; None: it is an operation on the network.
    """

    remedy: str
    finding: Finding
    changes: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Regimen:
    """A way to train: the original's, and measures in the order of their coming."""

    origin: Recipe
    measures: tuple[Measure, ...] = ()

    @cached_property
    def recipe(self) -> Recipe:
        """Whose ``training`` holds."""
        recipe = self.origin
        for own in self.measures:
            recipe = recipe.with_changes(own.changes) if own.changes is not None else recipe
        return recipe

    @property
    def remedies(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(own.remedy for own in self.measures)

    @cached_property
    def mends(self) -> tuple[tuple[str, Finding], ...]:
        """Operations on the network, each with the finding it is for, in ``ORDER``."""
        done = [(own.remedy, own.finding) for own in self.measures if own.changes is None]
        return tuple(sorted(done, key=lambda own: ORDER.index(own[0])))

    @property
    def key(self) -> str:
        """The same for the same way to train."""
        return repr((self.recipe.training.model_dump(mode="json"), [name for name, _ in self.mends]))

    def on(self, patient: Patient) -> Patient:
        """The patient after all operations.

        Raises:
            NotApplicable: one of them can't be done.
        """
        for name, finding in self.mends:
            patient = catalogue.entry("remedy", name).mend(patient, finding)
        return replace(patient, batch_rows=self.recipe.training.batch_size or patient.batch_rows)

    def with_operation(self, name: str, finding: Finding) -> Regimen:
        """With one more operation."""
        return replace(self, measures=(*self.measures, Measure(name, finding)))

    def with_changes(self, name: str, finding: Finding, changes: Mapping[str, Any]) -> Regimen:
        """With the recipe changed."""
        return replace(self, measures=(*self.measures, Measure(name, finding, dict(changes))))

    def without(self, *places: int) -> Regimen:
        """Without the measures at these places."""
        kept = (own for place, own in enumerate(self.measures) if place not in places)
        return replace(self, measures=tuple(kept))


GROWING = frozenset({"more_capacity", "less_capacity", "regularise_more", "less_regularisation"})
"""Operations that go further when they are done again."""


def ways(base: Regimen, remedy: str, finding: Finding, patient: Patient) -> list[Regimen]:
    """The ways that a remedy leads to from here: an operation on the network, or a change of ``training``.

    Args:
        base: to be changed.
        remedy: its name.
        finding: it is for.
        patient: as ``base`` leaves it.
    """
    if remedy in dict(base.mends) and remedy not in GROWING:
        return []
    if remedy in RATES:
        rate = base.recipe.get(RATE)
        return [
            base.with_changes(remedy, finding, {RATE: float(f"{rate * factor:.4g}")})
            for factor in RATES[remedy]
        ]
    module = catalogue.entry("remedy", remedy)
    found: list[Regimen] = []
    if hasattr(module, "mend"):
        try:
            base.with_operation(remedy, finding).on(patient)
            found.append(base.with_operation(remedy, finding))
        except NotApplicable:
            pass
    if hasattr(module, "apply"):
        try:
            changes = module.apply(base.recipe, finding)
        except NotApplicable:
            return found
        if all(
            path.startswith("training.") and "loss" not in path and "init" not in path for path in changes
        ):
            found.append(base.with_changes(remedy, finding, changes))
    return found
