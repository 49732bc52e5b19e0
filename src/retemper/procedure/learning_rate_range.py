"""Step 6: the range of rates that learn, over several seeds; no answer when they disagree."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retemper.core.records import Step
from retemper.procedure.book import Book, State
from retemper.procedure.jobs import job_of, members_of

LOWEST, HIGHEST = 1e-5, 1.0
SMOOTHING = 0.9
"""Share of the old value in the smoothed loss."""
DISAGREEMENT = 1.0
"""Abstain when the seeds' upper ends span more than so many powers of ten."""

INSTEAD = "no range is given, and the search looks around the recipe's own rate"


@dataclass(frozen=True)
class Range:
    """Where one seed's loss falls: from ``low``, where it begins to, to ``high``, where it is lowest."""

    low: float
    high: float


JUDGES = 1000
"""Validation rows that are looked at, at most: the losses of the steps are what counts here."""


def run(book: Book, state: State) -> tuple[State, Step]:
    """Raise the rate from 1e-5 to 1 over some hundred steps, once for each seed, as one stack.

    Smith 2017, "Cyclical learning rates for training neural networks". The networks are thrown away: no model
    of the user's is touched.
    """
    options = state.recipe.procedure
    steps = options.range_steps
    rates = np.geomspace(LOWEST, HIGHEST, steps)
    batch = state.recipe.training.batch_size
    rows = min(steps * batch, len(state.splits.train))
    epochs = -(-steps // -(-rows // batch))
    total = epochs * -(-rows // batch)
    padded = np.concatenate([rates, np.full(total - steps, HIGHEST)])
    job = job_of(
        state,
        book,
        "learning_rate_range",
        members_of(state.recipe, range(options.range_seeds)),
        epochs,
        rows=rows,
        rates=tuple(padded.tolist()),
        judges=JUDGES,
        training={"patience_epochs": 0, "signals": False},
    )
    (result,) = book.train([job], seconds=0.3 * book.budget.left_s() if book.budget.limited else 0.0)
    losses = result.losses[:steps]
    if result.stopped is not None and len(losses) < steps:
        message = "The time for this step ran out before the rates were through: no range is given."
        evidence = {"rates": rates[: len(losses)], "losses": losses.T, "abstained": True}
        return state, Step("learning_rate_range", "warn", message, evidence)
    curves = [smoothed(own) for own in losses.T]
    found = [own for own in (find_range(rates[: len(c)], c) for c in curves) if own]
    return _judge(state, rates[: len(losses)], curves, found)


def smoothed(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """An exponential mean with bias correction; ends where the loss is no longer finite."""
    finite = np.isfinite(losses)
    stop = len(losses) if finite.all() else int(np.argmin(finite))
    mean, out = 0.0, []
    for position, loss in enumerate(losses[:stop], start=1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * float(loss)
        out.append(mean / (1 - SMOOTHING**position))
    return np.array(out)


def find_range(rates: NDArray[np.float64], curve: NDArray[np.float64]) -> Range | None:
    """From where 10 % of the fall is done to where the loss is lowest; None when it hardly falls.

    >>> rates = np.geomspace(1e-5, 1, 101)
    >>> curve = np.where(rates < 1e-3, 1.0, np.where(rates < 1e-1, 0.5, 3.0))
    >>> found = find_range(rates, curve)
    >>> round(found.low, 6), round(found.high, 6)
    (0.001, 0.001)
    """
    if len(curve) < 10:
        return None
    lowest = int(np.argmin(curve))
    start = float(curve[: max(3, len(curve) // 10)].mean())
    fall = start - float(curve[lowest])
    if fall < 0.02 * abs(start) or lowest < 3:
        return None
    began = int(np.argmax(curve <= start - 0.1 * fall))
    return Range(float(rates[began]), float(rates[lowest]))


def _judge(
    state: State, rates: NDArray[np.float64], curves: list[NDArray[np.float64]], found: list[Range]
) -> tuple[State, Step]:
    evidence = {
        "rates": rates,
        "losses": [own.tolist() for own in curves],
        "seeds": len(curves),
        "low": None,
        "high": None,
        "suggested": None,
        "abstained": True,
    }
    if len(found) < (len(curves) + 1) / 2:
        message = f"The loss hardly falls at any rate in so few steps: {INSTEAD}."
        return state, Step("learning_rate_range", "warn", message, evidence)
    highs = np.log10([own.high for own in found])
    spread = float(highs.max() - highs.min())
    evidence["spread_powers_of_ten"] = spread
    if spread > DISAGREEMENT:
        message = f"The seeds disagree by {spread:.1f} powers of ten: {INSTEAD}."
        return state, Step("learning_rate_range", "warn", message, evidence)
    low = float(np.median([own.low for own in found]))
    high = float(10 ** np.median(highs))
    suggested = math.sqrt(low * high) if low < high else low
    evidence |= {"low": low, "high": high, "suggested": suggested, "abstained": False}
    message = f"Rates from {low:.2g} to {high:.2g} learn (over {len(curves)} seeds); a good start is {suggested:.2g}."
    return state.with_(rate_range=(low, high)), Step("learning_rate_range", "pass", message, evidence)
