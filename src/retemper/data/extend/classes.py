"""Classes that a target did not have, behind those that it had."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from retemper.core.errors import InputError
from retemper.data.cells import as_words, level_counts, place, tidy
from retemper.data.roles import class_labels
from retemper.data.target import Label, Target


def with_new_classes(target: Target, series: pl.Series | None) -> tuple[Target, dict[str, float]]:
    """The target with the classes that it does not know; the codes of those that it knows stay.

    The prior becomes that of these rows and of one row more with the old prior: a class that none of them has still
    counts for something.

    Args:
        target: of a model; a regression's stays as it is.
        series: the target's cells; missing ones are left aside. None: there are none.

    Returns:
        the target, and the new classes with their share of the rows; without any, the target is the very same.

    Raises:
        InputError: ``class_of_another_type``, a new class is text among numbers or truth values.

    >>> import numpy as np
    >>> from retemper.data.scaling import Scaler
    >>> target = Target("y", "classification", (2, 10), (.5, .5), Scaler.fit(np.empty((1, 0)), "none"))
    >>> wider, shares = with_new_classes(target, pl.Series("y", [2, 10, 2, 3, 3]))
    >>> wider.labels, shares, [round(share, 3) for share in wider.prior]
    ((2, 10, 3), {'3': 0.4}, [0.417, 0.25, 0.333])
    """
    if target.task == "regression" or series is None:
        return target, {}
    cells = tidy(series.to_frame()).to_series().drop_nulls()
    words = as_words(cells)
    counts: dict[str, int] = dict(level_counts(words).iter_rows())
    known = as_words(pl.Series([*target.labels])).to_list()
    labels = class_labels(cells)
    new = {
        word: _like(label, target)
        for label, word in zip(labels, as_words(pl.Series(labels, dtype=cells.dtype)), strict=True)
        if word not in known
    }
    if not new:
        return target, {}
    old = [*target.prior, *[0.0] * len(new)]
    rows = [counts.get(word, 0) for word in (*known, *new)]
    prior = tuple((n + share) / (len(cells) + 1) for n, share in zip(rows, old, strict=True))
    wider = replace(target, labels=(*target.labels, *new.values()), prior=prior)
    return wider, {str(label): counts[word] / len(cells) for word, label in new.items()}


def _like(label: Label, target: Target) -> Label:
    """A new label in the type of the known ones."""
    if all(isinstance(own, str) for own in target.labels):
        return str(label)
    numbers = not any(isinstance(own, str | bool) for own in (*target.labels, label))
    if not numbers:
        raise InputError(
            "class_of_another_type",
            f"The classes of {target.name!r} are {', '.join(map(repr, target.labels[:5]))}; {label!r} can't join them.",
            place("", target.name),
            "Write all labels in one way, or train again on all rows.",
        )
    whole = all(isinstance(own, int) for own in target.labels)
    return int(label) if whole and float(label).is_integer() else label
