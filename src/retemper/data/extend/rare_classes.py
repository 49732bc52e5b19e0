"""Classes that are new and too rare to be learnt and judged: a wrong label more often than a class."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from retemper.core.records import Finding
from retemper.data.cells import as_words, level_counts, of_rows, tidy
from retemper.data.check_columns import listed
from retemper.data.target import Target

MOST_NAMED = 10


@dataclass(frozen=True, eq=False)
class Aside:
    """New rows whose label is set aside.

    Args:
        rows: with their label.
        classes: class → how many of these rows.
        least: rows that a class takes.
    """

    rows: pl.DataFrame = field(default_factory=pl.DataFrame)
    classes: dict[str, int] = field(default_factory=dict)
    least: int = 0

    def sentence(self) -> str:
        """Which labels are set aside, and why.

        >>> Aside(pl.DataFrame({"y": ["yse"]}), {"yse": 1}, 6).sentence()
        "The label of 1 row is set aside: the model does not know 'yse' (1 row), and it takes 6 rows to learn a class."
        """
        named = listed([f"{name!r} ({of_rows(count)})" for name, count in self.classes.items()], MOST_NAMED)
        why = f"the model does not know {named}, and it takes {self.least} rows to learn a class."
        return f"The label of {of_rows(self.rows.height)} is set aside: {why}"

    def finding(self, kept: bool) -> Finding:
        """What is to be told of it.

        Args:
            kept: the rows are kept for later.
        """
        later = (
            "The rows are kept, and a class is learnt once there are enough of it."
            if kept
            else "With --keep-old rows are kept until there are enough of a class."
        )
        message = f"{self.sentence()} Correct the labels where they are wrong. {later}"
        evidence = {"rows": self.rows.height, "classes": self.classes, "least_rows": self.least}
        return Finding("rare_classes", "warning", 1.0, message, evidence)


def rare_classes(target: Target, new: pl.DataFrame, old: pl.DataFrame, least: int) -> Aside:
    """New rows of classes that a model does not know, where new and old rows together are fewer than ``least``.

    Args:
        target: the model's; of a regression no row is set aside.
        new: new rows; without the target's column none is set aside.
        old: old rows with the target; without any columns: there are none.
        least: rows that it takes to learn and to judge a class.

    >>> import numpy as np
    >>> from retemper.data.scaling import Scaler
    >>> target = Target("y", "classification", (2, 10), (.5, .5), Scaler.fit(np.empty((1, 0)), "none"))
    >>> new, old = (pl.DataFrame({"y": labels}) for labels in ([2, 3, 4, 4, None, 10], [4, 10, 10]))
    >>> rare_classes(target, new, old, 3).classes
    {'3': 1}
    """
    if target.task == "regression" or target.name not in new.columns:
        return Aside()
    words = words_of(new[target.name])
    counts = dict(level_counts(words).iter_rows())
    before = dict(level_counts(words_of(old[target.name])).iter_rows()) if old.width else {}
    known = set(known_words(target))
    rare = {
        word: count
        for word, count in counts.items()
        if word not in known and count + before.get(word, 0) < least
    }
    return Aside(new.filter(words.is_in([*rare])), rare, least)


def without_rare(new: pl.DataFrame, target: str, aside: Aside) -> pl.DataFrame:
    """The new rows; those whose label is set aside have none."""
    if not aside.classes:
        return new
    is_rare = words_of(new[target]).is_in([*aside.classes]).fill_null(False)
    return new.with_columns(new[target].set(is_rare, None))


def known_words(target: Target) -> list[str]:
    """The classes that a model knows, as cells are written."""
    return as_words(pl.Series([*target.labels])).to_list()


def words_of(cells: pl.Series) -> pl.Series:
    """Labels as text, missing ones as such."""
    return as_words(tidy(cells.to_frame()).to_series())
