"""The permutation test finds any kind of dependence, and keeps its level where there is none."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, make_circles

from retemper.doctor.observe.aligned import aligned_p

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((400, 8))


def tensor(values) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values))


def tokens() -> tuple[torch.Tensor, torch.Tensor]:
    label = RANDOM.integers(0, 2, 300)
    words = RANDOM.integers(0, 500, (300, 12))
    words[label == 1, 4] = 7
    return tensor(words), tensor(label)


DIGITS = load_digits()
DEPENDENT = {
    "weakly linear": (X, 0.5 * X[:, 0] + RANDOM.standard_normal(400)),
    "a product": (X, (X[:, 0] * X[:, 1] > 0).astype(int)),
    "circles": make_circles(300, noise=0.1, random_state=1),
    "a wave": (20 * RANDOM.random((300, 1)), None),
    "images": (DIGITS.images[:300, None], DIGITS.target[:300]),
    "several values": (X, np.c_[X[:, 0], RANDOM.standard_normal((400, 9))]),
}
DEPENDENT["a wave"] = (DEPENDENT["a wave"][0], np.sin(DEPENDENT["a wave"][0][:, 0]))


@pytest.mark.parametrize("name", DEPENDENT)
def test_finds(name: str) -> None:
    x, y = map(tensor, DEPENDENT[name])
    assert aligned_p(x, y) <= 0.02


def test_finds_words_and_several_inputs() -> None:
    x, y = tokens()
    assert aligned_p(x, y) <= 0.02
    assert aligned_p((torch.rand(300, 2), x), y) <= 0.02
    assert aligned_p({"ids": x}, y) <= 0.02


def test_level() -> None:
    ps = [
        aligned_p(tensor(X[:150]), torch.from_numpy(np.random.default_rng(seed).integers(0, 3, 150)))
        for seed in range(60)
    ]
    below = np.mean(np.array(ps) <= 0.1)
    assert below <= 0.22  # 60 tests of level .1: at most 13 in 999 of 1000
    assert 0.3 < np.mean(ps) < 0.7


def test_not_applicable() -> None:
    assert math.isnan(aligned_p(torch.rand(30, 2), torch.rand(30)))
    assert math.isnan(aligned_p(torch.rand(100, 2), torch.ones(100)))
    assert math.isnan(aligned_p(torch.ones(100, 2), torch.rand(100)))
    assert math.isnan(aligned_p((), torch.rand(100)))


def test_the_same_every_time() -> None:
    x, y = tensor(X), tensor(RANDOM.integers(0, 9, 400))
    assert aligned_p(x, y) == aligned_p(x, y)
