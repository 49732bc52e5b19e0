"""Which sampler a search uses, and why: the one that was asked for, or the one that ``bayes`` takes."""

from __future__ import annotations

from retemper.core.recipe import Recipe
from retemper.procedure.book import Book, State
from retemper.search.samplers import bayes, grid, listed
from retemper.search.space import Space


def spanned(recipe: Recipe, space: Space) -> Space:
    """What is searched: the space, or of a list of settings without one what they span."""
    options = recipe.tune.sampler.options
    if space or not isinstance(options, listed.Options):
        return space
    return listed.space_of(options.settings)


def noted(book: Book, state: State, space: Space) -> dict[str, str]:
    """The sampler, written into the log.

    Args:
        book: its log.
        state: with the recipe.
        space: as it is given; ranges that are widened later change nothing here.

    Returns:
        ``asked`` and ``used``, its names in recipes; ``why``, a sentence where the two differ; ``cut``, one where a
        grid has more settings than are tried, which people are told at once.
    """
    asked = state.recipe.tune.sampler.name
    found = {"asked": asked, "used": asked}
    options, trials = state.recipe.tune.sampler.options, state.recipe.tune.trials
    if isinstance(options, bayes.Options):
        found["used"] = bayes.chosen(options, space, trials)
        found["why"] = bayes.reason(options, space, trials)
    if isinstance(options, grid.Options) and (size := grid.size(options, space)) > trials:
        found["cut"] = (
            f"Of the grid's {size} settings tune.trials={trials} leaves the first: of its first option the last "
            "values may not be among them."
        )
        book.reporter.note(found["cut"])
    book.folder.log({"event": "sampler", **found})
    return found
