"""The folder of an earlier search, read without being touched."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from retemper.core.errors import InputError
from retemper.core.recipe import Recipe, build, load
from retemper.search.journal import evaluations_in
from retemper.search.trials import Evaluation

JOURNAL = "checkpoints/trials.jsonl"


@dataclass(frozen=True)
class Earlier:
    """A search as it stands in its folder, finished or not.

    Args:
        recipe: what its trials changed.
        evaluations: in the order in which they came.
    """

    recipe: Recipe
    evaluations: list[Evaluation]


def read_earlier(run: Path) -> Earlier:
    """What a search left behind.

    Args:
        run: its folder.

    Raises:
        InputError: ``not_a_search``: no folder of a search; ``damaged_run``: its files can't be read.

    >>> read_earlier(Path("runs/may-search")).recipe.tune.trials  # doctest: +SKIP
    64
    """
    where = {"folder": str(run), "option": "tune.warm_start"}
    try:
        text, content = (run / "recipe.yaml").read_bytes(), (run / JOURNAL).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        message = "There is no search to begin from: a RUN of `retemper tune` has recipe.yaml and its trials."
        raise InputError(
            "not_a_search", message, where, "Name the RUN folder of an earlier search."
        ) from None
    except OSError as error:
        message = f"Can't read the earlier search: {error.strerror}."
        raise InputError("cannot_read", message, where, "Check the folder's permissions.") from None
    try:
        recipe = build(load(text.decode(), str(run / "recipe.yaml")))
        return Earlier(recipe, list(evaluations_in(content)))
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        message = f"The trials of the earlier search can't be read: {error}."
        raise InputError(
            "damaged_run", message, where, "Leave out the warm start, or search again."
        ) from None
