"""What a repair may try: a way to train, and the ways that differ from it by one remedy or by several at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from retemper.core import catalogue
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.general import AGAINST_OVERFITTING, GENERAL
from retemper.doctor.observe.loss_kind import ask
from retemper.doctor.surgery.head import rewards_truth
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
SURE = 0.5
"""Findings of less confidence than this are hardly the cause: no remedy of theirs is joined to others."""


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


def proposals(
    base: Regimen,
    findings: Sequence[Finding],
    patient: Patient,
    poor: bool,
    longer: int = 1,
    price: Price | None = None,
) -> list[Regimen]:
    """Ways to try, the most promising first: all that is found at once, by the book, then one by one.

    Args:
        base: what was trained last.
        findings: of that training, the likeliest cause first.
        patient: fresh, without ``base``'s operations.
        poor: it learns little, so that what helps most networks is tried whatever was found.
        longer: times the epochs that there is room for.
        price: of a way's run; None: steps are not scarce.
    """
    alarms = [each for each in findings if each.severity != "advice"]
    sure = [each for each in findings if each.severity == "advice" and each.confidence >= SURE]
    made: list[Regimen] = []
    start = _with_true_loss(base, patient) if poor else base
    causes = [each for each in alarms if each.confidence >= SURE] or alarms[:1]
    causes += [each for each in alarms if each.code in SEEN and each not in causes]
    together = _together(start, [*causes, *(each for each in sure if each.code in STRUCTURE)], patient)
    made.append(together)
    if poor:
        book = by_the_book(together, patient, longer, price)
        plain = min(book, key=lambda own: own.remedies.count("more_capacity"))
        made += ([] if price is None else lean(plain, patient, base, price)) + book
    for finding in [*alarms, *sure]:
        for remedy in finding.remedies:
            made += ways(base, remedy, finding, patient)
    if poor:
        anything = Finding("poor", "advice", 0.5, "It learns little.", {"batch_size": patient.batch_rows})
        for remedy in GENERAL:
            made += ways(together, remedy, anything, patient)
    elif findings:
        anything = Finding("overfitting", "advice", 0.5, "It may learn by heart.")
        for remedy in AGAINST_OVERFITTING:
            made += ways(base, remedy, anything, patient)
    unique: dict[str, Regimen] = {base.key: base}
    for each in made:
        unique.setdefault(each.key, each)
    return list(unique.values())[1:]


SHORT = frozenset({"too_few_epochs", "still_improving"})
"""Findings that more epochs are for; for others they are dear, and tried by themselves."""
SEEN = frozenset({"dead_units"})
"""Alarms that are mended at once though something likelier is named: units that died from one start die from others,
which no race of single runs shows, but a proof by several starts does."""
STRUCTURE = frozenset({"unscaled_inputs", "unscaled_targets", "redundant_softmax", "missing_nonlinearity"})
"""Findings that are mended at once though they are but advice."""


def _with_true_loss(base: Regimen, patient: Patient) -> Regimen:
    """With another loss where the own one is not less for what is right."""
    outputs = patient.outputs()
    wants = ask(patient.loss, outputs, patient.y[: len(outputs)]).wants
    if rewards_truth(patient, wants) or "right_head" in base.remedies:
        return base
    upside_down = Finding("wrong_loss", "error", 0.9, "The loss is not less for outputs that are right.")
    return next(iter(ways(base, "right_head", upside_down, patient)), base)


def by_the_book(base: Regimen, patient: Patient, longer: int, price: Price | None = None) -> list[Regimen]:
    """How a network is trained unless something speaks against it: scaled rows, a start of unit variance, Adam.

    Where steps are scarce, a wider network comes first, if it hardly costs more: it gets further in as few.
    """
    anything = Finding("poor", "advice", 0.5, "It learns little.")
    book = base
    for remedy in ("scale_inputs", "scale_targets", "another_initialisation"):
        if remedy not in dict(book.mends):
            book = next(iter(ways(book, remedy, anything, patient)), book)
    if base.recipe.training.l1 or base.recipe.training.l2:
        book = book.with_changes("less_regularisation", anything, {"training.l1": 0.0, "training.l2": 0.0})
    decay = base.recipe.get("training.optimizer.weight_decay")
    made = []
    for rate in BOOK_RATES:
        adam = {"name": "adam", "learning_rate": rate, "weight_decay": decay}
        made.append(book.with_changes("another_optimizer", anything, {"training.optimizer": adam}))
    smooth = next(iter(ways(made[0], "another_activation", anything, patient)), None)
    wide = _wider(smooth or made[0], patient, price)
    if longer > 1:
        epochs = base.recipe.training.epochs * longer
        made.insert(1, (wide or made[0]).with_changes("train_longer", anything, {"training.epochs": epochs}))
    cheap = wide is not None and price is not None and price(wide) <= CHEAP * price(made[0])
    first = (wide, made[0]) if cheap else (made[0], wide)
    return [own for own in (*first, *made[1:-1], smooth, made[-1]) if own is not None]


def _wider(base: Regimen, patient: Patient, price: Price | None) -> Regimen | None:
    """Twice as wide; where steps are scarce again and again, as long as that costs next to nothing."""
    anything = Finding("poor", "advice", 0.5, "It learns little.")
    wide = next(iter(ways(base, "more_capacity", anything, patient)), None)
    for _ in range(DOUBLINGS - 1):
        if wide is None or price is None:
            break
        wider = next(iter(ways(wide, "more_capacity", anything, patient)), None)
        if wider is None or price(wider) > CHEAP * price(base):
            break
        wide = wider
    return wide


def lean(book: Regimen, patient: Patient, base: Regimen, price: Price) -> list[Regimen]:
    """A smaller network that sees the rows so many times more that it costs the same; none where it hardly does.

    Args:
        book: how it is trained else.
        patient: fresh.
        base: whose price it may have.
        price: of a run.
    """
    wasteful = Finding("too_few_epochs", "advice", 0.5, "A smaller network could see the rows more often.")
    small = book
    for _ in range(HALVINGS):
        small = next(iter(ways(small, "less_capacity", wasteful, patient)), small)
    epochs = book.recipe.training.epochs
    times = min(int(price(base) / price(small)), MOST_TIMES)
    if times < LEAN_FROM:
        return []
    return [small.with_changes("train_longer", wasteful, {"training.epochs": epochs * times})]


Price = Callable[[Regimen], float]
DOUBLINGS, CHEAP = 2, 1.25
"""Of the width; and times what a run costs that count as next to nothing."""
HALVINGS = 4
LEAN_FROM, MOST_TIMES = 2, 64
"""Times more epochs that a smaller network is worth a try from, and that it is given at most."""
BOOK_RATES = (1e-2, 2e-3)
PAIRS = (
    ("raise_learning_rate", "lower_learning_rate"),
    ("more_capacity", "less_capacity"),
    ("regularise_more", "less_regularisation"),
    ("train_longer", "stop_earlier"),
    ("larger_batch", "smaller_batch"),
)
CONTRARY = dict(PAIRS) | {second: first for first, second in PAIRS}


def _together(base: Regimen, findings: Sequence[Finding], patient: Patient) -> Regimen:
    """The first remedy of each finding that can be had, one after the other."""
    regimen, done = base, set(base.remedies)
    for finding in findings:
        for remedy in finding.remedies:
            if remedy in done:
                break
            if CONTRARY.get(remedy) in done or (remedy == "train_longer" and finding.code not in SHORT):
                continue
            found = ways(regimen, remedy, finding, patient)
            if found:
                regimen = found[0]
                done.add(remedy)
                break
    return regimen
