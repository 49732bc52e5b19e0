"""All families together: which of them draw how many permutations."""

import numpy as np
import pytest

from retemper.retraining.two_samples import compare as compared
from retemper.retraining.two_samples import found as records
from retemper.retraining.two_samples.compare import COUNTED, compare
from retemper.retraining.two_samples.side_by_side import Wanted, side_by_side

ALPHA = 0.002
FULL = 1 / (2 * 9 / ALPHA + 1)
FEW = 1 / 1000


def _sides(before, now):
    return side_by_side(before, now, Wanted(ALPHA, 9, 0))[0]


def _pairs(rows, seed, together):
    draws = np.random.default_rng(seed)
    one, two = draws.normal(size=(2, rows))
    return {"a": one, "b": one + 0.1 * two if together else two}


def test_where_a_counted_family_shows_the_drift_the_others_draw_few():
    before, now = _pairs(200, 0, False), _pairs(200, 1, False)
    shifted = {name: cells + 2 for name, cells in now.items()}
    found = compare(_sides(before, shifted))
    assert found.detected and found.families["numbers"].p_value < 1e-20
    assert found.families["mmd"].p_value == pytest.approx(FEW)
    assert found.families["classifier"].p_value == pytest.approx(FEW)


def test_where_none_does_the_others_draw_enough_to_pass():
    found = compare(_sides(_pairs(200, 0, False), _pairs(200, 1, True)))
    assert found.families["numbers"].p_value > ALPHA
    # The classifier comes before MMD in the alphabet: what it has shown, MMD need not.
    assert found.families["classifier"].p_value == pytest.approx(FULL)
    assert found.families["mmd"].p_value == pytest.approx(FEW)
    assert found.detected and found.kinds == ("covariate",)


def test_what_one_kind_shows_does_not_spare_another(monkeypatch):
    """Families are asked in order, and only those of a kind that has passed are told to draw few."""
    asked = {}

    class Family:
        ABOUT = "a test"

        def __init__(self, name, kind, p_value):
            self.name, self.KIND, self.p_value = name, kind, p_value

        def run(self, samples):
            asked[self.name] = samples.few_draws
            return records.Found((records.Tested("all", self.name, 0.0, self.p_value),), by_column=False)

    families = {
        "categories": Family("categories", "covariate", 1e-9),
        "concept": Family("concept", "concept", 1.0),
        "mmd": Family("mmd", "covariate", 1.0),
        "numbers": Family("numbers", "covariate", 0.5),
    }
    monkeypatch.setattr(compared.catalogue, "names", lambda family: tuple(families))
    monkeypatch.setattr(compared.catalogue, "entry", lambda family, name: families[name])
    compare(_sides(_pairs(20, 0, False), _pairs(20, 1, False)))
    assert list(asked) == ["numbers", "categories", "concept", "mmd"] and "numbers" in COUNTED
    assert asked == {"numbers": False, "categories": False, "concept": False, "mmd": True}
