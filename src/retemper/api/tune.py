"""A search alone: many settings of one recipe, trained as stacks, judged by folds, the best one tested once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

from retemper.api.options import TrainOptions, compose, refuse_unknown
from retemper.api.train import Run, begin
from retemper.core.recipe import Recipe
from retemper.search.earlier import read_earlier
from retemper.search.space_file import space_of, written
from retemper.search.space_yaml import read

Space = Mapping[str, Any] | str | Path


class TuneOptions(TrainOptions, total=False):
    """Everything about a search but the data, the target and the space; all optional."""

    sampler: str
    """listed, grid, random, quasi_random, tpe, gp; bayes chooses between the last two"""
    trials: int
    """settings that are tried at most"""
    folds: int
    """parts that judge in turn; 0: the validation rows judge"""
    nested: int
    """outer folds: the search is made anew without each, and judged by it; 0: none"""
    warm_start: str | Path
    """RUN folder of an earlier search to begin from, if five probes show that its ranking still holds"""
    engine: str
    """stack, processes or ray"""
    address: str
    """of the Ray cluster"""
    storage: str
    """database of the trials: postgresql://user@host/name or sqlite:///path; RUN/trials.db without"""


def tune(
    data: Any, target: str | None = None, space: Space | None = None, **options: Unpack[TuneOptions]
) -> Run:
    """Search the space of a recipe's options; the best trial's networks become the model.

    Args:
        data: as for :func:`retemper.train`.
        target: the column to predict; rows given as a pair (x, y) have it already.
        space: option → list of values, ``{"low": …, "high": …}`` or ``"default"``, or a YAML file of that; see
            :mod:`retemper.search.space_file`. None: only where the settings are listed one by one.
        **options: see :class:`TuneOptions`.

    Returns:
        The finished run; ``run.result["search"]["best"]`` is the best setting.

    Raises:
        InputError: the data, the space, an option or the machine is at fault.
        Interrupted: stopped by Ctrl-C or SIGTERM, saved and resumable.

    >>> run = tune("adult.csv.gz", "income", {"training.batch_size": [64, 256]})  # doctest: +SKIP
    >>> run.result["search"]["best"]  # doctest: +SKIP
    {'training.batch_size': 256}
    """
    names = ("sampler", "trials", "folds", "nested", "engine", "address", "storage")
    own: dict[str, Any] = {
        name: options.pop(name)  # type: ignore[misc]  # the names of the record, one by one
        for name in names
        if name in options
    }
    if "warm_start" in options:
        # Whoever resumes may stand elsewhere.
        own["warm_start"] = str(Path(options.pop("warm_start")).absolute())
    if "storage" in own:
        own["storage"] = _from_anywhere(own["storage"])
    refuse_unknown(options)
    recipe = _recipe(target, options, space, own)
    if recipe.tune.warm_start is not None:
        read_earlier(Path(recipe.tune.warm_start))  # its mistakes are told before anything is trained
    return begin(data, recipe, options, "tune")


def _from_anywhere(url: str) -> str:
    """The URL of a file by its absolute path: whoever resumes may stand elsewhere."""
    file = url.removeprefix("sqlite:///")
    return url if file == url else f"sqlite:///{Path(file).absolute()}"


def _recipe(target: str | None, options: TrainOptions, space: Space | None, own: Mapping[str, Any]) -> Recipe:
    changes = {f"tune.{name}": value for name, value in own.items()}
    if space is not None:
        changes["tune.space"] = written(space if isinstance(space, Mapping) else read(Path(space)))
    recipe = compose(target, options).with_changes(changes)
    space_of(recipe.tune.space, recipe)
    return recipe
