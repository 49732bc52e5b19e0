"""Decayed too early: the loss was still falling when the learning rate dropped, and hardly moved from then on."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from pydantic import Field

from retemper.core.history import History
from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.curves import TINY, Curve, Values, confidence, curve, noise, smooth, trivial_of

REMEDIES = ("slower_decay", "raise_learning_rate")
MOST_BLOCKS = 30


class Options(Base):
    """Thresholds."""

    drop: float = Field(0.35, gt=0, lt=1, description="learning rate after / before a step of its schedule")
    latest: float = Field(0.6, gt=0, lt=1, description="share of the run: a decay after it is not early")
    falling: float = Field(
        0.12, gt=0, description="relative fall over the rest of the run at the pace before the drop"
    )
    jump: float = Field(
        4.0, gt=0, description="fall at the drop itself / an epoch before it: more shows it was due"
    )
    slower: float = Field(0.25, gt=0, lt=1, description="fall an epoch after / before the drop")
    kink: float = Field(
        0.15, gt=0, lt=1, description="the same where only a kink in the curve shows the drop"
    )
    early_kink: float = Field(
        0.07, gt=0, lt=1, description="the same in the first epochs, where convergence is fast"
    )
    spent: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="share of the run in which a gradual decay uses up nearly all of its rate",
    )
    nearly_all: float = Field(0.95, gt=0, lt=1, description="that share of the sum of all epochs' rates")
    lasting: float = Field(
        0.5,
        gt=0,
        description="fall in a unit of that sum, later / earlier, of a loss that would go on falling",
    )
    turned: float = Field(
        0.05, ge=0, description="rise of the validation loss before the drop: then it was due"
    )
    left: float = Field(
        0.05, gt=0, lt=1, description="loss at the end / trivial loss: less is too little to gain"
    )
    earliest: int = Field(3, ge=3, description="epochs before such a kink, at least")
    window: int = Field(4, ge=2, description="epochs before the drop that are looked at")
    fewest_epochs: int = Field(10, ge=8, description="epochs with a training loss")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the training curve around the step at which the learning rate drops, or else around its sharpest kink.

    With a known rate the loss must fall before the step and much slower after it. Without, the curve must break off
    from a straight fall to a flat line, which no convergence does: it slows down before it ends.

    Raises:
        NotApplicable: the training loss is missing or the curve is too short.

    >>> e = np.arange(1.0, 41)
    >>> loss = np.where(e < 10, 1 - 0.05 * e, 0.55 - 0.0005 * e)
    >>> rate = np.where(e < 10, 1e-2, 1e-4)
    >>> h = History(0, {"epoch": e, "train_loss": loss, "learning_rate": rate}, 1.0)
    >>> check(Case(h), Options()).evidence["drop_epoch"]
    10
    """
    history = need(case.history, "history")
    train = curve(history, "train_loss", options.fewest_epochs)
    values = train.values
    at, known = _drop(history, train, options)
    if known and at is None:
        return _gradual(history, train, options)
    if at is None or not options.window // 2 <= at <= options.latest * len(values):
        return None
    before, after = _slopes(values, at, options.window)
    end = float(smooth(values)[-1]) / trivial_of(history).loss
    slower = after / before if before > 0 else np.inf
    # A kink was held against the fall's own slowing down when it was looked for.
    ahead = _expected(values, at, options.window) if known else before * (len(values) - at)
    falling = ahead / max(abs(float(values[at - 1])), TINY)
    due = float(values[at - 1] - values[min(at + 1, len(values) - 1)]) > options.jump * before
    due = due or _turned(history, float(train.epochs[at]), options)
    most = options.slower if known else options.kink
    if falling <= options.falling or slower >= most or end < options.left or due:
        return None
    what = "the learning rate dropped" if known else "the curve broke off"
    message = (
        f"The training loss was falling until {what} in epoch {train.epochs[at]:.0f} of {train.epochs[-1]:.0f}, and "
        f"went on at {max(slower, 0):.0%} of that pace: the rate decayed too early."
    )
    evidence = {
        "drop_epoch": int(train.epochs[at]),
        "epochs": int(train.epochs[-1]),
        "falling": falling,
        "falling_threshold": options.falling,
        "slower": slower,
        "slower_threshold": most,
        "rate_known": known,
    }
    sure = confidence(slower, most, 0.0) if known else 0.6
    return Finding("decayed_too_early", "advice", sure, message, evidence, REMEDIES)


def _drop(history: History, train: Curve, options: Options) -> tuple[int | None, bool]:
    """The first value of the training loss after the first large drop of the rate; else after the sharpest kink."""
    try:
        rates = curve(history, "learning_rate", options.fewest_epochs)
    except NotApplicable:
        return _kink(train.values, options), False
    drops = np.flatnonzero(rates.values[1:] < options.drop * rates.values[:-1])
    if not len(drops):
        return None, True
    return int(np.searchsorted(train.epochs, rates.epochs[drops[0] + 1])), True


def _slopes(values: Values, at: int, window: int) -> tuple[float, float]:
    """Fall an epoch over the window before ``at``, and from there to the end."""
    start = max(at - window, 0)
    before = float(values[start] - values[at - 1]) / max(at - 1 - start, 1)
    # The value after a drop still has part of the old rate's epoch, and a last gain as the steps' noise dies down.
    later = values[min(at + 1, len(values) - 2) :]
    return before, float(later[0] - later[-1]) / (len(later) - 1)


def _expected(values: Values, at: int, window: int) -> float:
    """The fall over the rest of the run had the rate not dropped, by the power law that losses follow.

    An epoch's fall at epoch t is d·t^−p, with p by what the two halves of the window before the drop fell (pow3 of
    Domhan et al. 2015). By the same factor from epoch to epoch it would be over far too soon.
    """
    half = max(window // 2, at // 4)
    first, middle, last = (float(values[max(at - 1 - back, 0)]) for back in (2 * half, half, 0))
    if not last < middle:
        return 0.0
    earlier, now = max(at - 1.5 * half, 1.0), at - 0.5 * half
    power = math.log((first - middle) / (middle - last)) / math.log(now / earlier) if first > middle else 0.0
    epochs = np.arange(at + 1.0, len(values) + 1.0)
    return (middle - last) / half * float(np.sum((epochs / now) ** -max(power, 0.0)))


def _turned(history: History, epoch: float, options: Options) -> bool:
    """Whether the validation loss had risen before an epoch: a smaller rate then was no mistake."""
    try:
        val = curve(history, "val_loss", options.fewest_epochs)
    except NotApplicable:
        return False
    course = smooth(val.values)[val.epochs < epoch]
    return len(course) > 0 and float(course[-1]) > (1 + options.turned) * float(course.min())


def _gradual(history: History, train: Curve, options: Options) -> Finding | None:
    """Judge a rate that dwindles, by its own clock, the sum of the rates: steps of that size make time pass.

    A training that converges falls less and less by this clock; one that the decay starves falls on as before.
    """
    try:
        rates = curve(history, "learning_rate", options.fewest_epochs)
    except NotApplicable:
        return None
    if len(rates) != len(train) or not (rates.values > 0).any() or trivial_of(history).loss <= 0:
        return None
    clock = np.cumsum(rates.values) / rates.values.sum()
    spent = int(np.searchsorted(clock, options.nearly_all)) + 1
    middles = clock - 0.5 * rates.values / rates.values.sum()  # an epoch's loss is its mean
    points = np.array([middles[0], 0.5 * (middles[0] + options.nearly_all), options.nearly_all])
    then, between, now = np.interp(points, middles, train.values)
    lasting = float((between - now) / max(then - between, TINY))
    whole = float(rates.values.max() * len(rates) / rates.values.sum())
    falling = float(between - now) / float(points[2] - points[1]) * (whole - 1) / max(abs(float(now)), TINY)
    by_chance = then - now <= 3 * noise(train.values, smooth(train.values))
    if (
        spent > options.spent * len(train)
        or lasting < options.lasting
        or falling <= options.falling
        or by_chance
    ):
        return None
    if float(now) / trivial_of(history).loss < options.left or _turned(
        history, float(train.epochs[spent]), options
    ):
        return None
    message = (
        f"{options.nearly_all:.0%} of all steps' way was gone by epoch {train.epochs[spent - 1]:.0f} of "
        f"{train.epochs[-1]:.0f}, while the training loss fell as fast for its rate as before: it decayed too early."
    )
    evidence = {
        "drop_epoch": int(train.epochs[spent - 1]),
        "epochs": int(train.epochs[-1]),
        "falling": falling,
        "falling_threshold": options.falling,
        "lasting": lasting,
        "lasting_threshold": options.lasting,
        "rate_known": True,
    }
    return Finding("decayed_too_early", "advice", 0.75, message, evidence, REMEDIES)


def _kink(values: Values, options: Options) -> int | None:
    """Where a fall stops at once, at its sharpest.

    Looked for epoch by epoch, and in long curves over a few at a time: there an epoch's fall is nothing beside its
    noise.
    """
    blocks = max(len(values) // MOST_BLOCKS, 1)
    found = [
        (sharpness, at * each)
        for each in sorted({1, blocks})
        for at, sharpness in _kinks(
            values[: len(values) // each * each].reshape(-1, each).mean(axis=1), options
        )
    ]
    return min(found)[1] if found else None


def _kinks(values: Values, options: Options) -> Iterator[tuple[int, float]]:
    """Places where a fall stops, and what is left of it.

    A convergence slows down by the same factor again and again: what the two halves of the window before tell is what
    the window after is held against, by the size of its changes, which noise would keep up.
    """
    jitter = noise(values, smooth(values))
    steps = np.abs(np.diff(values))
    for at in range(options.earliest, int(options.latest * len(values)) + 1):
        window = 2 * (options.window // 2) if at > options.window else 2
        first, middle, last = values[at - 1 - window], values[at - 1 - window // 2], values[at - 1]
        slowing = float((middle - last) / (first - middle)) if first > middle > last else 0.0
        expected = float(middle - last) * min(slowing, 1.0) * (1 + min(slowing, 1.0))
        seen = float(np.sum(steps[at : at + window]))
        most = options.kink if at > options.window else options.early_kink
        if first - last > 3 * jitter and seen < most * expected:
            yield at, seen / expected
