"""The steps of ``tune`` as result.json has them: the thirteen that every reader of a run expects.

A search alone makes five steps. The others are there as skipped, each with the reason; the search is ``search_coarse``,
and what it found out lies in ``search.evidence``, since it is no longer that step's alone. The page shows the five.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retemper.core.records import Step

SEARCH = "search"
TOLD_AS = "search_coarse"
IN_THE_SEARCH = {
    "search_refine": "The rungs of the search are part of it: see search_coarse.",
    "train_long": "The search has trained its best trial in full: see search_coarse.",
    "ensemble": "The networks of the best trial's folds are the model, averaged alike.",
}
LEFT_OUT = "A search alone leaves this out; retemper train makes this step."
OF_TRAIN = {"step_of": "train"}
"""The evidence of a step that a search alone does not have, by which the page knows to leave it out."""


def as_in_train(steps: Sequence[Step], names: Sequence[str]) -> list[Step]:
    """The steps by the names of ``train``, in its order.

    Args:
        steps: those that were made.
        names: of all steps of ``train``.

    >>> steps = [Step("search", "pass", "3 trials.", {"trials": [1, 2, 3]}), Step("test_once", "pass", "Read once.")]
    >>> [(own.name, own.verdict) for own in as_in_train(steps, ["search_coarse", "train_long", "test_once"])]
    [('search_coarse', 'pass'), ('train_long', 'skipped'), ('test_once', 'pass')]
    """
    made = {step.name: step for step in steps}
    if SEARCH in made:
        made[TOLD_AS] = replace(made[SEARCH], name=TOLD_AS, evidence={"in": "search.evidence"})
    return [made.get(name) or _left_out(name) for name in names]


def _left_out(name: str) -> Step:
    return Step(name, "skipped", IN_THE_SEARCH.get(name, LEFT_OUT), OF_TRAIN)
