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
from retemper.search.guided import CANDIDATES, UNLEARNED, Guided
from retemper.search.space import Space
from retemper.search.study import Sampler
from retemper.search.warm import WarmStart

SAVED = "checkpoints/before.json"
"""What the earlier search knew: a resumed run needs its folder no more, and finds what it began from unchanged."""

POOL = 10_000
"""There are at most so many settings to choose from."""


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
    if recipe.tune.warm_start is None:
        return build(recipe)
    before = _before(folder, recipe, space)
    return WarmStart(*_built(recipe, build), before, space, recipe.tune.trials)


def in_wider(sampler: Sampler, recipe: Recipe, space: Space, build: Callable[[Recipe], Sampler]) -> Sampler:
    """What goes on where a sampler ended, in wider ranges: what an earlier search knew counts there too.

    Args:
        sampler: the one so far.
        recipe: with the options of ``tune``.
        space: with the wider ranges.
        build: makes the recipe's sampler for the part of the space that is to be tried next.
    """
    if isinstance(sampler, WarmStart):
        return sampler.wider(*_built(recipe, build), space)
    if isinstance(sampler, Guided):
        return sampler.wider(_built(recipe, build)[1], space)
    return build(recipe)


def _built(recipe: Recipe, build: Callable[[Recipe], Sampler]) -> tuple[Sampler, Sampler]:
    """The recipe's sampler, and one that names settings to choose from; the same, where it does not learn."""
    sampler, trials = build(recipe), recipe.tune.trials
    ample = recipe.with_changes({"tune.trials": max(trials, min(trials * CANDIDATES, POOL))})
    if isinstance(sampler, UNLEARNED):
        return (own := build(ample)), own
    return sampler, build(ample.with_changes({"tune.sampler": "quasi_random"}))


def _before(folder: RunFolder, recipe: Recipe, space: Space) -> Before:
    saved = folder.path / SAVED
    if saved.is_file():
        content = json.loads(saved.read_text(encoding="utf-8"))
        pairs = {name: [(values, loss) for values, loss in content[name]] for name in ("known", "beyond")}
        return Before(**content | pairs)
    assert recipe.tune.warm_start is not None
    earlier = read_earlier(Path(recipe.tune.warm_start))
    before = before_of(recipe.tune.warm_start, earlier.evaluations, earlier.recipe, recipe, space)
    folder.write_json(SAVED, asdict(before))
    return before
