"""What a person asks of a retraining, checked before anything is computed: the verdict needs it only at the end."""

from __future__ import annotations

from typing import get_args

from retemper.core import catalogue
from retemper.core.errors import InputError, nearest
from retemper.retraining.before import Before
from retemper.retraining.gate_models import slices_of
from retemper.retraining.gate_options import GateMetric
from retemper.retraining.harm.verdict import SIGNS

FAMILY = "strategy"
AUTO = "auto"


def check(before: Before) -> None:
    """Stop where the strategy, the metric or a slice is none.

    Raises:
        InputError: ``unknown_strategy``, ``unknown_metric``, ``unknown_column``.
    """
    options, champion = before.options, before.champion
    known = [AUTO, *catalogue.names(FAMILY)]
    if options.strategy not in known:
        message = f"There is no strategy {options.strategy!r}; {nearest(options.strategy, known)}"
        hint = f"Choose one of {', '.join(known)}."
        raise InputError("unknown_strategy", message, {"option": "strategy"}, hint)
    metrics = [name for name in get_args(GateMetric) if name in SIGNS[champion.task]]
    if options.metric is not None and options.metric not in metrics:
        message = f"No gain of a {champion.task} is proved by {options.metric!r}; {nearest(options.metric, metrics)}"
        raise InputError(
            "unknown_metric", message, {"option": "metric"}, f"Choose one of {', '.join(metrics)}."
        )
    gone = [name for name in options.slices if name not in before.new.columns]
    if gone:
        message = f"The new rows have no column {gone[0]!r}; {nearest(gone[0], before.new.columns)}"
        hint = "Name slices by columns of the new rows that the champion was trained on."
        raise InputError("unknown_column", message, {"option": "slices", "column": gone[0]}, hint)
    slices_of(champion, before.new, options.slices)
