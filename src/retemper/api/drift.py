"""Has the world changed since? Two samples of rows compared, with a bound on false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retemper.api.faults import machine_faults
from retemper.api.predict import load
from retemper.bundle.model import Model
from retemper.bundle.place import holds_model
from retemper.core import catalogue
from retemper.core.drift_records import Drift
from retemper.core.errors import InputError
from retemper.retraining.two_samples.compare import FAMILY, compare
from retemper.retraining.two_samples.remembered import against_memory
from retemper.retraining.two_samples.side_by_side import Wanted, side_by_side


def drift(
    reference: Any,
    current: Any,
    alpha: float = 0.05,
    model: Model | str | Path | None = None,
    target: str | None = None,
    leave_out: Sequence[str] = (),
    seed: int = 0,
) -> Drift:
    """Whether the current rows come from another distribution than the reference, by which columns, and of which kind.

    Every p-value is exact or by permutation and so holds for 10 rows as for 10 million; alpha is divided among the
    families of tests and corrected over the columns of each (Holm). Of comparisons without drift, at most the share
    ``alpha`` is detected. That is for independent rows: rows that know each other (one customer's, one hour's) are
    fewer than they look. For several comparisons of one stream, divide alpha among them.

    Args:
        reference: rows from before: a path, frame, array or dict, as for :func:`retemper.train`. With a ``model``, rows
            that it was not trained on: it answers those that it knows too well. Or a model, or the folder of one: the
            rows that it keeps and was not trained on, else its sketches of such rows, are the reference.
        current: rows of now, with the same columns; the target may be absent.
        alpha: chance of a false alarm, above 0 and below 1.
        model: a model or the folder of one; its predictions are compared too, and with the target there, how they fit.
        target: the column to predict; None: the model's, or ``y`` of an archive.
        leave_out: columns that need not be alike (the time, a running number).
        seed: of the permutations, 0 or more.

    Returns:
        ``.detected``, ``.p_value``, ``.families``, ``.columns`` (the worst first), ``.drifted``, ``.kinds``,
        ``.not_applicable``, ``.sentence()``, ``.to_json()``.

    Raises:
        InputError: data that can't be read or have nothing in common, or an option out of its range.

    >>> import numpy as np
    >>> draws = np.random.default_rng(0)
    >>> before = {"age": draws.normal(40, 9, 500), "city": draws.choice(["Rome", "Oslo"], 500)}
    >>> now = {"age": draws.normal(50, 9, 60), "city": draws.choice(["Rome", "Oslo"], 60)}
    >>> found = drift(before, now)
    >>> found.detected, found.kinds, [column.name for column in found.drifted]
    (True, ('covariate',), ['age'])
    """
    if not 0 < alpha < 1:
        _refuse("alpha", f"alpha must be above 0 and below 1, but got {alpha!r}.", "0.05 is usual.")
    if seed < 0:
        _refuse("seed", f"seed must be 0 or more, but got {seed!r}.", "Give 0 or a positive number.")
    remembered = isinstance(reference, Model) or (
        isinstance(reference, (str, Path)) and holds_model(reference)
    )
    if remembered and model is not None:
        _refuse(
            "model", "The reference is a model already, but another one is named.", "Give one of the two."
        )
    given = reference if remembered else model
    loaded = load(given) if isinstance(given, (str, Path)) else given
    names = catalogue.names(FAMILY)
    wanted = Wanted(alpha, len(names), seed, loaded, target, tuple(leave_out))
    with machine_faults():
        if remembered:
            assert loaded is not None
            return against_memory(loaded, current, wanted)
        return compare(*side_by_side(reference, current, wanted))


def _refuse(option: str, message: str, hint: str) -> None:
    raise InputError("bad_option", message, {"option": option}, hint)
