"""The trials in ``trials.db``: an Optuna study in SQLite, which any Optuna tool can open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retemper.search.space import Interval, Space

Finished = tuple[Mapping[str, Any], float, dict[str, Any]]
"""Parameters, validation loss, user attributes."""


def write_study(path: Path, name: str, space: Space, trials: Sequence[Finished]) -> None:
    """Write finished trials as a study; a study of that name is replaced.

    Args:
        path: the database.
        name: of the study.
        space: what was searched.
        trials: (parameters, validation loss, user attributes) of each.
    """
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions: dict[str, BaseDistribution] = {
        key: FloatDistribution(axis.low, axis.high, log=axis.log)
        if isinstance(axis, Interval)
        else CategoricalDistribution(axis.values)
        for key, axis in space.items()
    }
    storage = f"sqlite:///{path}"
    if name in [summary.study_name for summary in optuna.get_all_study_summaries(storage)]:
        optuna.delete_study(study_name=name, storage=storage)
    study = optuna.create_study(study_name=name, storage=storage, direction="minimize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                params=dict(values), distributions=distributions, value=loss, user_attrs=attributes
            )
            for values, loss, attributes in trials
        ]
    )
