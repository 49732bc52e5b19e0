"""The network of a recipe's ``model``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from retemper.core import catalogue
from retemper.models.layers.inputs import InputShape
from retemper.models.layers.network import Network


def network_of(model: Mapping[str, Any], shape: InputShape, outputs: int) -> Network:
    """Build a network.

    Args:
        model: the recipe's ``model`` as plain data: the name beside its options.
        shape: of prepared rows.
        outputs: of the head.

    >>> network_of({"name": "mlp", "width": 32}, InputShape(8, 8), 3).head.outputs
    3
    """
    choice = dict(model)
    module = catalogue.entry("model", choice.pop("name"))
    return cast(Network, module.build(module.Options.model_validate(choice), shape, outputs))
