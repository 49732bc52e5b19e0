"""Changes of a recipe that remedies make: one or a few dotted paths, checked before they are handed on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.core.records import NotApplicable


def number_at(recipe: Recipe, path: str) -> float:
    """The number at a dotted path.

    Raises:
        NotApplicable: the recipe has no such option (a linear model has no width).

    >>> number_at(Recipe(), "training.epochs") == Recipe().training.epochs
    True
    """
    try:
        value = recipe.get(path)
    except KeyError:
        raise NotApplicable(f"the recipe has no {path}") from None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise NotApplicable(f"{path} is not a number")
    return value


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes, once it is sure that they make a valid recipe that differs.

    Raises:
        NotApplicable: the recipe would be invalid or the same.

    >>> changed(Recipe(), {"training.epochs": 7})
    {'training.epochs': 7}
    """
    try:
        new = recipe.with_changes(changes)
    except InputError as error:
        raise NotApplicable(f"the recipe does not allow it: {error.message}") from None
    if new == recipe:
        raise NotApplicable("the recipe has it already: " + ", ".join(changes))
    return dict(changes)


def scaled(recipe: Recipe, path: str, factor: float, low: float, high: float) -> dict[str, Any]:
    """The number at ``path`` times ``factor``, kept in [low, high]; whole numbers stay whole.

    A value already beyond the bound is left alone.

    Raises:
        NotApplicable: there is no such option, or the bound is reached.

    >>> scaled(Recipe().with_changes({"training.epochs": 30}), "training.epochs", 2, 1, 50)
    {'training.epochs': 50}
    """
    old = number_at(recipe, path)
    new = min(max(old * factor, low), high)
    new = round(new) if isinstance(old, int) else float(f"{new:.6g}")
    if new == old or (new > old) != (factor > 1):
        raise NotApplicable(f"{path} is {old:g} already; the remedy goes to {high if factor > 1 else low:g}")
    return changed(recipe, {path: new})


def widths_scaled(recipe: Recipe, factor: float, low: int, high: int) -> dict[str, Any]:
    """The model's width times ``factor``, or each of its widths where they are listed one by one.

    Raises:
        NotApplicable: the model has no width, or the bound is reached.

    >>> widths_scaled(Recipe().with_changes({"model.widths": [64, 32]}), 2, 1, 100)
    {'model.widths': [100, 64]}
    """
    widths = recipe.model_dump(mode="json")["model"].get("widths")
    if not widths:
        return scaled(recipe, "model.width", factor, low, high)
    if factor > 1:
        new = [max(w, min(round(w * factor), high)) for w in widths]
    else:
        new = [min(w, max(round(w * factor), low)) for w in widths]
    return changed(recipe, {"model.widths": new})
