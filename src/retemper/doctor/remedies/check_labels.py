"""Check labels: leave out rows whose label is most likely wrong; labels that belong to other rows no one can mend."""

from __future__ import annotations

from typing import Any

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.changes import changed


class Options(Base):
    """Nothing to choose."""


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Switch ``data.clean`` on, which finds label errors out of fold and keeps their removal only where it gains.

    Raises:
        NotApplicable: it is on already; how rows and labels were joined is for a person to check.

    >>> recipe = Recipe().with_changes({"data.clean": False})
    >>> apply(recipe, Finding("label_errors", "warning", 0.8, "Some labels look wrong."))
    {'data.clean': True}
    """
    if recipe.data.clean:
        raise NotApplicable("label errors are looked for already; check how rows and labels were joined")
    return changed(recipe, {"data.clean": True})
