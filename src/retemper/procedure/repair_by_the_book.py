"""Ways to train that suit most networks, whatever was found: the book's, wider ones, and leaner ones for as much."""

from __future__ import annotations

from collections.abc import Callable

from retemper.core.records import Finding
from retemper.doctor.surgery.patient import Patient
from retemper.procedure.repair_regimen import Regimen, ways

Price = Callable[[Regimen], float]
"""What a way's run costs, in any unit."""
DOUBLINGS, CHEAP = 2, 1.25
"""Of the width; and times what a run costs that count as next to nothing."""
HALVINGS = 4
LEAN_FROM, MOST_TIMES = 2, 64
"""Times more epochs that a smaller network is worth a try from, and that it is given at most."""
BOOK_RATES = (1e-2, 2e-3)


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
