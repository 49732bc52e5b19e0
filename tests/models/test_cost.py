"""Multiply-adds against what can be counted by hand, padding included."""

from typing import Any

import pytest

from retemper.models.layers.build import network_of
from retemper.models.layers.cost import multiply_adds
from retemper.models.layers.inputs import InputShape

SHAPE = InputShape(16, 8, (9,))
FRONT = 32  # 16 columns and an embedding of 5, padded
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "linear": ({}, FRONT * 2),
    "residual_mlp": ({"width": 32, "depth": 3, "expansion": 2}, FRONT * 32 + 3 * 2 * 32 * 64 + 32 * 2),
    "tabm": ({"width": 32, "depth": 3, "copies": 4}, FRONT * 32 + 4 * (2 * 32 * 32 + 32 * 2)),
    "mlp": ({"width": 32, "depth": 1, "periodic_frequencies": 16}, 8 * 16 * 3 + 48 * 32 + 32 * 2),
    # 11 tokens (8 numbers, the rest, the embedding, the first): all ask in the first block, one in the second.
    "ft_transformer": (
        {"expansion": 1, "depth": 2},
        16 * 64 + 11 * (2 * 64 * 3 * 64 + 2 * 11 * 64 + 4 * 64 * 64) + 2 * 11 * 64 + 4 * 64 * 64 + 64 * 2,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_multiply_adds(name: str) -> None:
    options, wanted = CASES[name]
    assert multiply_adds(network_of({"name": name, **options}, SHAPE, 2), 16, 1) == wanted


def test_copies_that_scale_inputs_cost_the_first_product_each() -> None:
    narrow, wide = (
        network_of({"name": "tabm", "copies": 4, "width": 32, "adapters": adapters}, SHAPE, 2)
        for adapters in ("hidden", "inputs")
    )
    assert multiply_adds(wide, 16, 1) - multiply_adds(narrow, 16, 1) == 3 * FRONT * 32
