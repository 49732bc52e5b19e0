"""Two preparers of different columns as one; what the first makes of its columns stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from retemper.data.cleaning import Sentinels
from retemper.data.converted import Conversions
from retemper.data.extend.places import number_keys
from retemper.data.features.components import Components
from retemper.data.features.derived import Derived
from retemper.data.features.impute import Imputer, Linear
from retemper.data.features.outliers import Bounds
from retemper.data.numbers import NumberCode
from retemper.data.prepare import Preparer
from retemper.data.scaling import Floats, Scaler

Places = Sequence[int]
"""For each number of a preparer its place among those of the joined one."""


def joined(first: Preparer, second: Preparer) -> Preparer:
    """One preparer of both preparers' columns.

    Columns of one kind stand together, those of ``first`` before those of ``second``. What ``first`` derives is made
    from its own columns alone, as before.

    Args:
        first: of a model.
        second: fitted on other columns by the same options, without derived numbers.

    Raises:
        ValueError: ``second`` derives numbers, or treats outliers or gaps in another way.

    >>> from retemper.core.prepare_options import PrepareOptions
    >>> from retemper.core.recipe_sections import DataOptions
    >>> from retemper.data.read import read
    >>> from retemper.data.schema import infer
    >>> table = read({"a": [1.5 * k for k in range(30)], "day": [f"2024-01-{k:02}" for k in range(1, 31)]})
    >>> one, other = (Preparer.fit(frame, infer(read(frame), DataOptions()), PrepareOptions())
    ...     for frame in (table.frame[["day"]], table.frame[["a"]]))
    >>> joined(one, other).raw_names[:2], one.raw_names[0]
    (['a', 'day:elapsed_days'], 'day:elapsed_days')
    """
    if second.derived.built or second.derived.means or second.derived.components:
        raise ValueError("numbers that are derived from columns that join can't be placed")
    plain = replace(
        first,
        numbers=first.numbers + second.numbers,
        dates=first.dates + second.dates,
        texts=first.texts + second.texts,
        levels=first.levels + second.levels,
        sentinels=Sentinels(first.sentinels.columns + second.sentinels.columns),
        units=Conversions(first.units.columns + second.units.columns),
        written={**first.written, **second.written},
        joined=first.joined + second.columns,
    )
    # The keys of all numbers follow from the columns and from how many numbers there are.
    code = NumberCode(
        _side_by_side(first.code.scaler, second.code.scaler), first.code.edges + second.code.edges, ()
    )
    places = {key: place for place, key in enumerate(number_keys(replace(plain, code=code)))}
    own, others = ([places[key] for key in number_keys(part)] for part in (first, second))
    raw = len(first.raw_names)
    derived = _derived(first.derived, second.derived, own[:raw], others[: len(second.raw_names)])
    order = np.argsort([*own, *others]).tolist()
    code = NumberCode(
        code.scaler.taken(order),
        tuple(code.edges[k] for k in order),
        (*(own[k] for k in first.code.gaps), *(others[k] for k in second.code.gaps)),
    )
    return replace(plain, derived=derived, code=code)


def _side_by_side(first: Scaler, second: Scaler) -> Scaler:
    points, own = len(first.quantiles), second.quantiles
    if len(own) != points:  # ranks lie evenly: those of the second move, so that the first's stay
        old, new = (np.linspace(0, 1, count) for count in (len(own), points))
        own = np.array([np.interp(new, old, column) for column in own.T]).reshape(-1, points).T
    return Scaler(
        first.method,
        np.concatenate([first.center, second.center]),
        np.concatenate([first.scale, second.scale]),
        np.concatenate([first.quantiles, own], axis=1),
    )


def _derived(first: Derived, second: Derived, own: Places, others: Places) -> Derived:
    """What happens to the raw numbers of both: ``own`` and ``others`` are their places among all raw ones."""
    if (first.bounds is None) != (second.bounds is None) or (first.imputer is None) != (
        second.imputer is None
    ):
        raise ValueError("both preparers must clip outliers and fill gaps, or neither")
    places = [*own, *others]
    bounds, imputer, components = first.bounds, first.imputer, first.components
    if bounds is not None and second.bounds is not None:
        both = second.bounds
        bounds = Bounds(_placed(places, bounds.low, both.low), _placed(places, bounds.high, both.high))
    if imputer is not None and second.imputer is not None:
        other = second.imputer
        fill, scale, low, high = (
            _placed(places, getattr(imputer, name), getattr(other, name))
            for name in ("fill", "scale", "low", "high")
        )
        steps = (*_steps(imputer, own), *_steps(other, others))
        imputer = Imputer(fill, scale, low, high, steps)
    if components is not None:
        scaler, count = components.scaler, len(others)
        centred = Scaler(
            scaler.method,
            _placed(places, scaler.center, np.zeros(count)),
            _placed(places, scaler.scale, np.ones(count)),
            np.zeros((0, len(places))),
        )
        axes = np.array([_placed(places, axis, np.zeros(count)) for axis in components.axes])
        components = Components(centred, axes)
    built = tuple(
        replace(one, first=own[one.first], second=own[one.second] if one.second >= 0 else one.second)
        for one in first.built
    )
    return Derived(bounds, imputer, built, first.means, components)


def _steps(imputer: Imputer, places: Places) -> list[Linear]:
    return [
        replace(step, column=places[step.column], inputs=tuple(places[k] for k in step.inputs))
        for step in imputer.steps
    ]


def _placed(places: Places, own: Floats, others: Floats) -> Floats:
    """One number of each column, in the joined order."""
    found = np.empty(len(places))
    found[list(places)] = np.concatenate([own, others])
    return found
