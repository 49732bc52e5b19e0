"""Which rows judge the trials of a search: folds, each in turn, or the validation rows alone."""

from __future__ import annotations

from retemper.procedure.book import State
from retemper.procedure.cross_fitting import dealt

IN_TIME = (
    "The rows are in the order of time, and older ones can't be judged by networks of newer ones: the validation "
    "rows judge, and no folds."
)


def judged(state: State) -> tuple[State, str]:
    """The rows, dealt out to the folds that the recipe's ``tune.folds`` asks for.

    Returns:
        The state, its recipe without folds where there can be none; and a sentence that says why, else empty.
    """
    folds = state.recipe.tune.folds
    if folds and state.splits.method == "time":
        return state.with_(recipe=state.recipe.with_changes({"tune.folds": 0, "tune.repeats": 1})), IN_TIME
    return dealt(state, folds), ""
