"""The numbers of a table, mended and joined by new ones, before they are scaled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.prepare_options import PrepareOptions
from retemper.data.categories import Levels
from retemper.data.features.components import Components
from retemper.data.features.construct import Built, interactions, logarithms
from retemper.data.features.goal import Goal
from retemper.data.features.group_means import GroupMeans
from retemper.data.features.impute import Imputer
from retemper.data.features.outliers import Bounds
from retemper.data.scaling import Floats

LEAST_GROUPS = 8
"""A category with fewer levels needs no means: its one-hot columns say as much."""
MOST_CLASSES = 4

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Derived:
    """What happens to raw numbers [rows, F], in this order; what is None or empty is left out.

    ``bounds`` clip outliers, ``imputer`` fills gaps, ``built`` are logarithms, ratios and products, ``means`` those of
    the target in each level of a category, ``components`` the principal components of the F numbers. The new numbers
    stand to the right of the F old ones, and get scale, bins and indicators as these do.
    """

    bounds: Bounds | None = None
    imputer: Imputer | None = None
    built: tuple[Built, ...] = ()
    means: tuple[GroupMeans, ...] = ()
    components: Components | None = None

    @classmethod
    def fit(
        cls, x: Floats, levels: tuple[Levels, ...], codes: Codes, goal: Goal | None, options: PrepareOptions
    ) -> Derived:
        """Fit on training rows.

        Args:
            x: numbers [rows, F], NaN for missing.
            levels: of the K categories.
            codes: their codes [rows, K].
            goal: the target of the rows.
            options: ``outliers``, ``missing``, ``constructed``, ``components``.

        Raises:
            ValueError: ratios, products or group means are wanted, but there is no target to choose them by.
        """
        if goal is None and set(options.constructed) - {"log"}:
            raise ValueError("ratios, products and group means are chosen by the target, but there is none")
        bounds = Bounds.fit(x, options.outlier_distance) if options.outliers == "clip" else None
        x = x if bounds is None else bounds.apply(x)
        method = options.missing
        imputer = None if method == "indicator" else Imputer.fit(x, method, options.missing_constant)
        x = x if imputer is None else imputer.apply(x)
        means = _group_means(levels, codes, goal, options)
        built = _built(x, codes, goal, options)
        components = Components.fit(x, options.components) if options.components and x.shape[1] else None
        return cls(bounds, imputer, built, means, components)

    def names(self, numbers: list[str], levels: tuple[Levels, ...]) -> list[str]:
        """Names of the new numbers, from those of the F old ones and the categories."""
        return [
            *(built.name(numbers) for built in self.built),
            *(f"{name} by {levels[own.category].name}" for own in self.means for name in own.names),
            *(self.components.names if self.components else ()),
        ]

    @property
    def n_means(self) -> int:
        """G, how many group means there are."""
        return sum(len(own.names) for own in self.means)

    def apply(self, x: Floats, codes: Codes, means: Floats | None = None) -> tuple[Floats, NDArray[np.bool_]]:
        """Old and new numbers side by side.

        Args:
            x: raw numbers [rows, F], NaN for missing.
            codes: of the categories [rows, K].
            means: of training rows, from :meth:`out_of_fold`; None for all other rows.

        Returns:
            numbers [rows, F + new], NaN where missing and not filled in, and which were missing before.
        """
        missing = np.isnan(x)
        x = x if self.bounds is None else self.bounds.apply(x)
        x = x if self.imputer is None else self.imputer.apply(x)
        new = [built.apply(x)[:, None] for built in self.built]
        new += (
            [means]
            if means is not None and self.means
            else [own.apply(codes[:, own.category]) for own in self.means]
        )
        new += [self.components.apply(x)] if self.components else []
        if not new:
            return x, missing
        added = np.concatenate(new, axis=1)
        return np.concatenate([x, added], axis=1), np.concatenate([missing, np.isnan(added)], axis=1)

    def out_of_fold(self, codes: Codes, goal: Goal, known: NDArray[np.bool_] | None = None) -> Floats | None:
        """The group means [rows, G] of training rows, none from a row's own target; None without group means.

        ``known`` [rows] says whose targets may be used at all; None: all.
        """
        if not self.means:
            return None
        found = [
            own.out_of_fold(codes[:, own.category], goal.averaged(own.names), known) for own in self.means
        ]
        return np.concatenate(found, axis=1)

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back, to the same bits."""
        return {
            "bounds": self.bounds and self.bounds.to_json(),
            "imputer": self.imputer and self.imputer.to_json(),
            "built": [built.to_json() for built in self.built],
            "means": [means.to_json() for means in self.means],
            "components": self.components and self.components.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Derived:
        """What :meth:`to_json` wrote."""
        return cls(
            data["bounds"] and Bounds.from_json(data["bounds"]),
            data["imputer"] and Imputer.from_json(data["imputer"]),
            tuple(Built(**built) for built in data["built"]),
            tuple(GroupMeans.from_json(means) for means in data["means"]),
            data["components"] and Components.from_json(data["components"]),
        )


def _built(x: Floats, codes: Codes, goal: Goal | None, options: PrepareOptions) -> tuple[Built, ...]:
    most = options.constructed_columns
    pairs = set(options.constructed) & {"ratio", "product"}
    found = tuple(interactions(x, codes, goal, pairs, most)) if pairs and goal is not None else ()
    return found + (logarithms(x, most - len(found)) if "log" in options.constructed else ())


def _group_means(
    levels: tuple[Levels, ...], codes: Codes, goal: Goal | None, options: PrepareOptions
) -> tuple[GroupMeans, ...]:
    if "group_mean" not in options.constructed or goal is None:
        return ()
    names, y = goal.columns(MOST_CLASSES)
    large = [k for k, own in enumerate(levels) if len(own.words) >= LEAST_GROUPS]
    large.sort(key=lambda k: -len(levels[k].words))
    chosen = sorted(large[: options.constructed_columns // len(names)])
    return tuple(GroupMeans.fit(k, names, codes[:, k], levels[k].cardinality, y) for k in chosen)
