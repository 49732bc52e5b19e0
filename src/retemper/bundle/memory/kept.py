"""Raw rows that a user lets a bundle keep: a reservoir over all rows that were ever met."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.memory.cells_as_json import to_columns, to_frame
from retemper.bundle.memory.shares import balanced, dealt
from retemper.core.seeds import generator
from retemper.data.cells import as_numbers, as_words
from retemper.data.frame import Frame, narrowed
from retemper.data.schema import Schema

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
STRATA = 10
"""Groups of a regression's rows, by tenths of the first training's targets."""


@dataclass(frozen=True)
class Stratum:
    """Rows of one class (or tenth of the target) on one side: how many were met; from ``limit`` on no draw is kept."""

    unseen: bool
    label: str
    met: int
    limit: float = 1.0


@dataclass(frozen=True, eq=False)
class Kept:
    """Rows of all batches, balanced by class, a quarter of them never trained on (as far as there are such).

    Every row draws a number in 0 … 1 when it is met, and each stratum keeps its smallest ones (bottom-k sampling): so
    all rows of a stratum have had the same chance, whichever batch they came in, and the seed decides. A larger
    ``most`` than before fills only as further rows come: what was dropped is gone.

    Args:
        seed: of the draws.
        edges: between the tenths of a regression's target; empty: a classification.
        frame: the rows [n], with all columns that the schema has a use for.
        unseen: [n] never trained on.
        batch: [n] 0: the first training; later batches count up.
        draw: [n] each row's number.
        labels: [n] each row's class as text, or its tenth of the target.
        strata: of all rows ever met.

    >>> from retemper.data.schema import Column, Schema
    >>> schema = Schema((Column("a", "number", 0, 9, ""),), Column("y", "category", 0, 2, ""), "classification")
    >>> rows = pl.DataFrame({"a": range(400), "y": ["rare", *["often"] * 19] * 20})
    >>> kept = Kept(seed=0).updated(rows, np.arange(400) < 100, 0, 40, schema)
    >>> kept.frame["y"].value_counts(sort=True).sort('y').rows(), int(kept.unseen.sum())
    ([('often', 20), ('rare', 20)], 10)
    >>> Kept.from_json(kept.to_json()).frame.equals(kept.frame)
    True
    """

    seed: int
    edges: tuple[float, ...] = ()
    frame: pl.DataFrame = field(default_factory=pl.DataFrame)
    unseen: Flags = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    batch: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    draw: Floats = field(default_factory=lambda: np.zeros(0))
    labels: tuple[str, ...] = ()
    strata: tuple[Stratum, ...] = ()

    @property
    def met(self) -> int:
        """Rows ever met."""
        return sum(stratum.met for stratum in self.strata)

    def updated(
        self,
        frame: Frame,
        unseen: Flags,
        batch: int,
        most: int,
        schema: Schema,
        rows: NDArray[np.int64] | None = None,
    ) -> Kept:
        """With the rows of a further batch met, each once; rows without a label are passed over.

        Args:
            frame: in memory or on disk; a cell is kept as it stands there.
            unseen: [N] never trained on.
            batch: its number.
            most: rows to keep, 0 or more.
            schema: the model's.
            rows: [N] numbers of the rows in ``frame``; None: all.
        """
        assert schema.target is not None
        some = narrowed(frame, [name for name in columns_of(schema) if name in frame.columns])
        numbers = np.arange(frame.height) if rows is None else rows
        labels = self._labels(some[schema.target.name], numbers)
        draw = generator(self.seed, "kept rows", batch).random(len(numbers))
        there = np.flatnonzero(labels != "")
        met = self._met(labels[there], unseen[there])
        all_labels = np.concatenate([np.array(self.labels, dtype=object), labels])
        all_unseen, all_draw = np.concatenate([self.unseen, unseen]), np.concatenate([self.draw, draw])
        candidates = np.concatenate([np.arange(len(self.labels)), len(self.labels) + there])
        chosen, strata = _smallest(candidates, all_labels, all_unseen, all_draw, met, most)
        old, new = chosen[chosen < len(self.labels)], chosen[chosen >= len(self.labels)] - len(self.labels)
        return replace(
            self,
            frame=_below(self.frame[old], some[numbers[new]]),
            unseen=all_unseen[chosen],
            batch=np.concatenate([self.batch, np.full(len(numbers), batch, dtype=np.int64)])[chosen],
            draw=all_draw[chosen],
            labels=tuple(all_labels[chosen]),
            strata=strata,
        )

    def now_trained(self, rows: Flags) -> Kept:
        """The same rows, of which these [n] are trained on from now on.

        Of the rows that were met they take the part along that they stand for.
        """
        met = {(own.unseen, own.label): own for own in self.strata}
        moved, before = (
            Counter(np.array(self.labels, dtype=object)[own].tolist())
            for own in (rows & self.unseen, self.unseen)
        )
        for label, count in moved.items():
            source = met[True, label]
            target = met.get((False, label), Stratum(False, label, 0))
            part = round(source.met * count / before[label])
            met[True, label] = replace(source, met=source.met - part)
            met[False, label] = Stratum(False, label, target.met + part, min(source.limit, target.limit))
        strata = tuple(own for own in met.values() if own.met)
        return replace(self, unseen=self.unseen & ~rows, strata=strata)

    def without(self, labels: Collection[str]) -> Kept:
        """The rows of all other classes; these classes count as never met."""
        rows = ~np.isin(np.array(self.labels, dtype=str), list(labels))
        return replace(
            self,
            frame=self.frame.filter(rows),
            unseen=self.unseen[rows],
            batch=self.batch[rows],
            draw=self.draw[rows],
            labels=tuple(label for label in self.labels if label not in labels),
            strata=tuple(own for own in self.strata if own.label not in labels),
        )

    def weights(self) -> Floats:
        """How many rows that were met each kept one stands for [n]: of its class and side."""
        keys = list(zip(self.unseen.tolist(), self.labels, strict=True))
        met, kept = {(s.unseen, s.label): s.met for s in self.strata}, Counter(keys)
        return np.array([met[key] / kept[key] for key in keys], dtype=np.float64)

    def as_they_came(self) -> Flags:
        """Which kept rows [n] are a plain sample of all that were never trained on, with the classes' own shares.

        Those whose number lies below the limits of all classes: up to there, every row that was met is here.
        """
        limit = min((stratum.limit for stratum in self.strata if stratum.unseen), default=0.0)
        return self.unseen & (self.draw < limit)

    def _labels(self, cells: pl.Series, rows: NDArray[np.int64]) -> NDArray[np.object_]:
        """The stratum of each row as text; empty where there is no label."""
        if not self.edges:
            return np.asarray(as_words(cells).fill_null("").to_numpy()[rows], dtype=object)
        values = as_numbers(cells).to_numpy()[rows]
        tenths = np.searchsorted(np.array(self.edges), values, side="right").astype(str).astype(object)
        tenths[np.isnan(values)] = ""
        return np.asarray(tenths)

    def _met(self, labels: NDArray[np.object_], unseen: Flags) -> dict[tuple[bool, str], Stratum]:
        met = {(stratum.unseen, stratum.label): stratum for stratum in self.strata}
        for side in (True, False):
            for label, rows in zip(
                *np.unique(labels[unseen == side].astype(str), return_counts=True), strict=True
            ):
                key = (side, str(label))
                old = met.get(key, Stratum(*key, 0))
                met[key] = replace(old, met=old.met + int(rows))
        return met

    def to_json(self) -> dict[str, Any]:
        """Plain data, the content of rows.json; :meth:`from_json` is the way back."""
        return {
            "seed": self.seed,
            "edges": list(self.edges),
            "columns": to_columns(self.frame),
            "unseen": self.unseen.tolist(),
            "batch": self.batch.tolist(),
            "draw": self.draw.tolist(),
            "labels": list(self.labels),
            "strata": [asdict(stratum) for stratum in self.strata],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Kept:
        """The rows that :meth:`to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        kept = cls(
            data["seed"],
            tuple(data["edges"]),
            to_frame(data["columns"]),
            np.array(data["unseen"], dtype=np.bool_),
            np.array(data["batch"], dtype=np.int64),
            np.array(data["draw"], dtype=np.float64),
            tuple(data["labels"]),
            tuple(Stratum(**own) for own in data["strata"]),
        )
        counts = {len(kept.unseen), len(kept.batch), len(kept.draw), len(kept.labels), kept.frame.height}
        if len(counts) > 1:
            raise ValueError(f"columns of one length each, but they have {sorted(counts)}")
        return kept

    def as_bytes(self) -> bytes:
        """The content of rows.json."""
        return json.dumps(self.to_json(), allow_nan=False).encode()


def columns_of(schema: Schema) -> list[str]:
    """The columns that are kept: features, constants, target, weight, group, time; no identifiers, nothing dropped.

    A column may be constant today and vary tomorrow. Were it missing in kept rows, that would tell old from new.
    """
    roles = [schema.target.name if schema.target else None, schema.weight, schema.group, schema.time]
    seen = (column.name for column in schema.columns if column.kind != "identifier")
    names = [*seen, *(name for name in roles if name)]
    return list(dict.fromkeys(names))


def tenths_of(values: Floats) -> tuple[float, ...]:
    """Edges between the tenths of a regression's target.

    >>> tenths_of(np.arange(101.0))[:2]
    (10.0, 20.0)
    """
    return tuple(np.unique(np.quantile(values, np.arange(1, STRATA) / STRATA)).tolist())


def _smallest(
    candidates: NDArray[np.int64],
    labels: NDArray[np.object_],
    unseen: Flags,
    draw: Floats,
    met: Mapping[tuple[bool, str], Stratum],
    most: int,
) -> tuple[NDArray[np.int64], tuple[Stratum, ...]]:
    """The rows to keep, in order, and the strata with the numbers from which on none is."""
    order = candidates[np.argsort(draw[candidates], kind="stable")]
    there = {
        key: order[(unseen[order] == key[0]) & (labels[order] == key[1]) & (draw[order] < stratum.limit)]
        for key, stratum in sorted(met.items())
    }
    # Of many rows that were met few may be left: places are dealt to those that are there.
    sides = {side: {key: len(own) for key, own in there.items() if key[0] == side} for side in (True, False)}
    places = dealt(most, sum(sides[True].values()), sum(sides[False].values()))
    quota = balanced(places[0], sides[True]) | balanced(places[1], sides[False])
    chosen, strata = [np.zeros(0, dtype=np.int64)], []
    for key, own in there.items():
        stratum = met[key]
        chosen.append(own[: quota[key]])
        dropped = draw[own[quota[key] :]]
        limit = float(dropped[0]) if len(dropped) else stratum.limit
        strata.append(replace(stratum, limit=limit))
    return np.sort(np.concatenate(chosen)), tuple(strata)


def _below(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Rows below others; a column that one side lacks is missing there, cells of two types become text."""
    if old.is_empty():
        return new
    both = [name for name in old.columns if name in new.columns and old[name].dtype != new[name].dtype]
    odd = [name for name in both if not (old[name].dtype.is_numeric() and new[name].dtype.is_numeric())]
    frames = [frame.with_columns([as_words(frame[name]) for name in odd]) for frame in (old, new)]
    return pl.concat(frames, how="diagonal_relaxed")
