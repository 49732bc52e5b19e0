"""Would more data help? The answer of a learning curve, as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from retemper.evaluation.sample_size import sample_size_curve
from retemper.procedure.book import Book, State
from retemper.procedure.sample_sizes import curve_by_size


def more_data(book: Book, state: State) -> dict[str, Any]:
    """Train on parts of the rows, fit a power law, and ask it what twice the rows would gain.

    Returns:
        ``more_data`` of :mod:`retemper.procedure.understand`.

    Raises:
        NotApplicable: as :func:`retemper.procedure.sample_sizes.curve_by_size`.
    """
    curve = curve_by_size(book, state)
    root = state.task == "regression"
    found = sample_size_curve(
        curve.rows, curve.losses, curve.weight, root, curve.have, seed=state.recipe.seed, group=curve.group
    )
    points = [{"rows": size, **asdict(own)} for size, own in zip(found.rows, found.points, strict=True)]
    return {
        "answer": found.answer,
        "why": found.why,
        "have": found.have,
        "width": curve.width,
        "points": points,
        **{key: asdict(getattr(found, key)) for key in ("gain", "doubled", "floor")},
        "law": dict(zip("abc", found.law, strict=True)),
    }
