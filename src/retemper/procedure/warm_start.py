"""The sampler of a search that begins from an earlier one; what was taken from there is kept in the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from retemper.core.recipe import Recipe
from retemper.core.run_folder import RunFolder
from retemper.search.before import Before, before_of
from retemper.search.earlier import read_earlier
from retemper.search.space import Space
from retemper.search.study import Sampler
from retemper.search.warm import CANDIDATES, UNLEARNED, WarmStart

SAVED = "checkpoints/before.json"
"""What the earlier search knew: a resumed run needs its folder no more, and finds what it began from unchanged."""

POOL = 10_000
"""A sampler that does not learn names at most so many settings to choose from."""


def warmed(folder: RunFolder, recipe: Recipe, space: Space, build: Callable[[Recipe], Sampler]) -> Sampler:
    """The recipe's sampler, begun from the search that ``tune.warm_start`` names, if it names one.

    Args:
        folder: of this run.
        recipe: with the options of ``tune``.
        space: what is searched.
        build: makes the recipe's sampler.

    Raises:
        InputError: as :func:`retemper.search.earlier.read_earlier`.
    """
    sampler = build(recipe)
    if recipe.tune.warm_start is None:
        return sampler
    before = _before(folder, recipe, space)
    trials = recipe.tune.trials
    if isinstance(sampler, UNLEARNED):
        sampler = build(recipe.with_changes({"tune.trials": max(trials, min(trials * CANDIDATES, POOL))}))
    return WarmStart(sampler, before, space, recipe.seed, trials)


def _before(folder: RunFolder, recipe: Recipe, space: Space) -> Before:
    saved = folder.path / SAVED
    if saved.is_file():
        content = json.loads(saved.read_text(encoding="utf-8"))
        return Before(**content | {"known": [(values, loss) for values, loss in content["known"]]})
    assert recipe.tune.warm_start is not None
    earlier = read_earlier(Path(recipe.tune.warm_start))
    before = before_of(recipe.tune.warm_start, earlier.evaluations, earlier.recipe, recipe, space)
    folder.write_json(SAVED, asdict(before))
    return before
