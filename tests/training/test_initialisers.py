"""The initialisers against the statistics of torch.nn.init, and their bits."""

import math

import numpy as np
import pytest
import torch
from torch.nn import init

from retemper.core.seeds import generator
from retemper.training import initialisers
from retemper.training.initialisers import He, Initialiser, Orthogonal, Random, Xavier

INPUTS, OUTPUTS = 300, 200

CASES = [
    (Random(std=0.02), lambda w: init.normal_(w, 0.0, 0.02)),
    (Random(std=0.02, distribution="uniform"), lambda w: init.uniform_(w, -0.02 * 3**0.5, 0.02 * 3**0.5)),
    (Xavier(gain=2.0), lambda w: init.xavier_uniform_(w, gain=2.0)),
    (Xavier(distribution="normal"), init.xavier_normal_),
    (He(distribution="uniform"), lambda w: init.kaiming_uniform_(w, nonlinearity="relu")),
    (He(), lambda w: init.kaiming_normal_(w, nonlinearity="relu")),
    (He(gain=1.0), lambda w: init.kaiming_normal_(w, nonlinearity="linear")),
    (Orthogonal(gain=3.0), lambda w: init.orthogonal_(w, gain=3.0)),
]


@pytest.mark.parametrize(("initialiser", "fill"), CASES, ids=lambda case: type(case).__name__)
def test_statistics_are_pytorchs(initialiser: Initialiser, fill) -> None:
    torch.manual_seed(0)
    own = initialiser.draw((INPUTS, OUTPUTS), generator(0, "weights"))
    reference = fill(torch.empty(OUTPUTS, INPUTS)).numpy().T
    assert own.shape == (INPUTS, OUTPUTS) and own.dtype == np.float64 and own.flags.c_contiguous
    spread = float(reference.std())
    assert abs(own.mean()) < 4 * spread / math.sqrt(own.size)
    assert own.std() == pytest.approx(spread, rel=0.02)
    for q in (0.001, 0.05, 0.25, 0.75, 0.95, 0.999):
        assert np.quantile(own, q) == pytest.approx(np.quantile(reference, q), abs=0.12 * spread)
    if getattr(initialiser, "distribution", "normal") == "uniform":
        assert np.abs(own).max() <= math.sqrt(3) * spread * 1.02


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (1, 5), (5, 1)])
def test_orthogonal_keeps_lengths(shape: tuple[int, int]) -> None:
    w = Orthogonal(gain=2.0).draw(shape, generator(1, "weights"))
    small = w.T @ w if shape[0] >= shape[1] else w @ w.T
    np.testing.assert_allclose(small, 4 * np.eye(min(shape)), atol=1e-12)


@pytest.mark.parametrize("name", sorted(initialisers.ENTRIES))
def test_a_member_draws_the_same_bits_each_time_and_others_differ(name: str) -> None:
    initialiser = initialisers.ENTRIES[name]()
    assert isinstance(initialiser, Initialiser)
    first = initialiser.draw((8, 5), generator(0, "weights", member=3))
    assert np.array_equal(first, initialiser.draw((8, 5), generator(0, "weights", member=3)))
    assert not np.array_equal(first, initialiser.draw((8, 5), generator(0, "weights", member=4)))
