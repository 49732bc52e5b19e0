"""Zero gradients: each step goes by the gradients of its own rows, not by those of all before them as well."""

from __future__ import annotations

from typing import Any

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable


class Options(Base):
    """Nothing to choose."""


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Say where to do it: no recipe can leave it out, only a loop of your own.

    There call ``optimizer.zero_grad()`` once before each ``loss.backward()``, or, where gradients of several batches
    are gathered on purpose, once after each ``optimizer.step()``.

    Raises:
        NotApplicable: always; retemper's loop zeroes them.
    """
    raise NotApplicable(
        "retemper's loop zeroes gradients before each backward pass; in yours call optimizer.zero_grad() there"
    )
