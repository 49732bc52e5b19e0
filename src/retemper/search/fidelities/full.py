"""Every trial trains in full, on every fold."""

from __future__ import annotations

from retemper.core.options import Options as BaseOptions
from retemper.search.fidelities import Extent
from retemper.search.study import Plan, Study
from retemper.search.trials import Order


class Options(BaseOptions):
    """Full training has no options.

    Use when trials are few or all of them are wanted in a table; avoid with many: most are bad, and soon seen to be.
    """


def plan(options: Options, study: Study, extent: Extent) -> Plan:
    """Batches of trials until the sampler has no more."""
    while trials := study.ask(extent.batch):
        yield [Order(trial.number, trial.values, extent.epochs, extent.folds) for trial in trials]
