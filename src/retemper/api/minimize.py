"""A search over a function of one's own: for what retemper does not train itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

from retemper.core import catalogue, device
from retemper.core.errors import InputError, nearest
from retemper.core.recipe import Recipe
from retemper.search.arrivals import Arrivals
from retemper.search.engines.cluster import Cluster
from retemper.search.engines.local import LocalTasks
from retemper.search.engines.tasks import Tasks
from retemper.search.fidelities import Extent
from retemper.search.functions import FunctionTrials
from retemper.search.journal import Journal
from retemper.search.samplers import batch_of
from retemper.search.space import Axis, Interval, Setting, Space, Words
from retemper.search.study import Study
from retemper.search.trials import Trial, ranked

NEED_MORE = {
    "racing": "losses of several folds, but a function returns one loss",
    "extrapolated": "the loss of every epoch, but a function returns that of the last",
}
Form = Interval | Words | Mapping[str, Any] | Sequence[Any]


class MinimizeOptions(TypedDict, total=False):
    """Everything about the search but the function and its space; all optional."""

    sampler: str | Mapping[str, Any]
    """listed, grid, random, quasi_random, tpe, gp, bayes; or ``{"name": …, its options}``"""
    fidelity: str | Mapping[str, Any]
    """full, halving, hyperband, asha: how long each trial trains"""
    trials: int
    """settings that are tried at most"""
    epochs: int
    """what the function is given for a trial in full"""
    batch: int
    """settings asked for at a time, where the sampler learns from those before"""
    seed: int
    """fixes the settings, whatever the number of workers; but for asha with ``asynchronous``, where timing decides"""
    engine: str
    """processes of this machine, or ray"""
    address: str
    """of the Ray cluster"""
    gpus_per_job: float
    """of each call on the cluster"""
    workers: int
    """processes; by default one a core"""
    journal: str | Path
    """file of what came back: a search that was killed goes on from there"""


@dataclass(frozen=True)
class Minimum:
    """What the search found.

    Args:
        best: the setting with the least loss.
        loss: it.
        trials: all of them, the best first.
    """

    best: Setting
    loss: float
    trials: tuple[Trial, ...]


def minimize(
    function: Callable[[Setting, int], float],
    space: Mapping[str, Form],
    **options: Unpack[MinimizeOptions],
) -> Minimum:
    """Find the setting for which a function returns the least.

    Args:
        function: called with a setting (name → value) and a number of epochs, in processes of this machine or on the
            nodes of a Ray cluster; returns the loss after so many epochs, NaN where it diverged. A call that fails is a
            failed trial; the others go on.
        space: name → list of values, or a range: ``{"low": 1e-4, "high": 1e-1, "log": True}``.
        **options: see :class:`MinimizeOptions`.

    Returns:
        The best setting, its loss, and all trials.

    Raises:
        InputError: the space or an option is at fault, the cluster can't be reached, or no call returned a finite loss.

    >>> found = minimize(lambda s, epochs: (s["x"] - 3) ** 2, {"x": [1, 2, 3]}, sampler="grid", workers=1)
    >>> found.best, found.loss
    ({'x': 3}, 0.0)
    """
    _refuse_unknown(options)
    recipe = _recipe(options)
    tune, axes = recipe.tune, Space({str(name): _axis(str(name), form) for name, form in space.items()})
    sampler = catalogue.entry("sampler", tune.sampler.name).build(
        tune.sampler.options, axes, recipe.seed, tune.trials
    )
    fidelity = catalogue.entry("fidelity", tune.fidelity.name)
    journal = Journal(Path(options["journal"]) if "journal" in options else None)
    with _tasks(recipe) as tasks:
        study = Study(sampler, FunctionTrials(function, tasks), journal, most=tune.trials)
        if getattr(tune.fidelity.options, "asynchronous", False):
            study.course = Arrivals({})
        extent = Extent(tune.epochs, (-1,), batch_of(tune))
        trials = ranked(study.run(fidelity.plan(tune.fidelity.options, study, extent)))
    if not trials or not trials[0].sound:
        raise _none_left(trials)
    return Minimum(dict(trials[0].values), trials[0].loss, tuple(trials))


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    known = sorted(MinimizeOptions.__annotations__)
    for name in options:
        if name not in known:
            message = f"minimize() has no option {name!r}."
            raise InputError("bad_option", message, {"option": name}, nearest(name, known).capitalize())


def _recipe(options: Mapping[str, Any]) -> Recipe:
    """The options, checked as those of ``retemper tune``."""
    own = {"engine": "processes", "epochs": 1, **options}
    changes = {
        name if name in ("seed", "workers") else f"tune.{name}": value
        for name, value in own.items()
        if name != "journal"
    }
    if own["engine"] == "stack":
        message = "A function of your own can't be stacked."
        raise InputError("bad_option", message, {"option": "engine"}, "Set engine='processes' or 'ray'.")
    recipe = Recipe().with_changes(changes)
    if (reason := NEED_MORE.get(recipe.tune.fidelity.name)) is not None:
        message = f"The fidelity {recipe.tune.fidelity.name} needs {reason}."
        hint = "Set fidelity='halving', 'hyperband' or 'asha'."
        raise InputError("bad_option", message, {"option": "fidelity"}, hint)
    return recipe


def _axis(name: str, form: Form) -> Axis:
    try:
        if isinstance(form, Interval | Words):
            return form
        if isinstance(form, Mapping):
            return Interval(**form)
        if isinstance(form, str):
            raise ValueError("a choice is a list of values")
        return Words(tuple(form))
    except (TypeError, ValueError) as error:
        hint = "A range is {'low': 1e-4, 'high': 1e-1, 'log': True}, a choice a list."
        raise InputError("bad_space", f"{name}: {error}", {"option": name}, hint) from None


def _tasks(recipe: Recipe) -> Tasks:
    if recipe.tune.engine == "ray":
        return Cluster(recipe.tune.address, recipe.tune.gpus_per_job)
    return LocalTasks(recipe.workers or device.cores())


def _none_left(trials: Sequence[Trial]) -> InputError:
    said = next((trial.last.error for trial in trials if trial.last and trial.last.error), None)
    message = (
        f"None of {len(trials)} trials returned a finite loss: {said['message'] if said else 'none ran.'}"
    )
    advice = said["advice"] if said else "Allow more trials."
    return InputError("all_trials_failed", message, {"option": "function"}, advice)
