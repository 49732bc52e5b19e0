"""A proof that looks as it goes: clear gains soon, no gain hardly ever, whatever the losses are like."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import stats

from retemper.doctor import sequential
from retemper.doctor.sequential import COUNTS, EARLY, LEVELS, look

SAME = 800


def decided(before: Any, after: Any, most: int) -> tuple[bool, int]:
    """Verdict and pairs used."""
    early = look(before[:EARLY], after[:EARLY], most)
    if early is not None:
        return early.kept, EARLY
    last = look(before[:most], after[:most], most)
    assert last is not None
    return last.kept, most


def without_effect() -> Iterator[tuple[str, Any]]:
    """Losses ``[SAME, 2, 8]`` of which both sides are alike."""
    random, shape = np.random.default_rng(0), (SAME, 2, COUNTS[-1])
    noise = random.standard_normal(shape)
    yield "normal", noise
    yield "seeds do as much to both sides", noise + 2 * random.standard_normal((SAME, 1, COUNTS[-1]))
    yield "heavy tails", random.standard_t(2, shape)
    stuck = random.random(shape) < 0.5
    yield "half of them stuck", stuck + 0.02 * noise
    yield "half of them stuck, the others anywhere", np.where(stuck, 1 + 0.02 * noise, random.random(shape))


@pytest.mark.parametrize("most", COUNTS)
def test_without_effect_at_most_one_in_forty_is_kept(most: int) -> None:
    for name, losses in without_effect():
        kept = np.mean([decided(before, after, most)[0] for before, after in losses])
        assert kept < 0.025 + 2.3 * np.sqrt(0.025 * 0.975 / SAME), name


def test_a_clear_gain_is_seen_at_once_and_a_loss_too() -> None:
    before, after = [0.9, 0.8, 1.0], [0.1, 0.2, 0.15]
    assert decided(before, after, 8) == (True, 3) and decided(after, before, 8) == (False, 3)


def test_an_outlying_seed_does_not_hide_a_gain() -> None:
    """The remedy helps each time; one original was much worse than the others, which spreads a t-test's interval."""
    before = np.array([0.30, 0.31, 5.0, 0.32, 0.30, 0.29])
    after = np.array([0.25, 0.24, 0.28, 0.27, 0.25, 0.26])
    assert stats.ttest_rel(before, after, alternative="greater").pvalue > 0.1
    assert decided(before, after, 6) == (True, 6)


def test_of_ranks_is_mann_and_whitneys() -> None:
    random = np.random.default_rng(3)
    level = LEVELS[8].ranked
    said = []
    for _ in range(60):
        old, new = random.standard_normal(8) + 1.4, random.standard_normal(8)
        p = stats.mannwhitneyu(old, new, alternative="greater", method="exact").pvalue
        said.append(sequential._of_ranks(old, new, level)[0] > 0)
        assert said[-1] == (p <= level)
    assert 5 < sum(said) < 55


def test_the_t_tests_are_the_textbooks() -> None:
    random = np.random.default_rng(4)
    old, new = random.standard_normal(6), random.standard_normal(6)
    paired = stats.ttest_rel(old, new).confidence_interval(0.99)
    pooled = stats.ttest_ind(old, new).confidence_interval(0.99)
    assert sequential._of_differences(old, new, 0.005) == pytest.approx((paired.low, paired.high))
    assert sequential._of_means(old, new, 0.005) == pytest.approx((pooled.low, pooled.high))


def test_what_is_not_proved_at_the_end_goes() -> None:
    undecided = ([0.9, 0.1, 0.5], [0.2, 0.1, 0.4])
    assert look(*undecided, most=4) is None
    proof = look(*undecided, most=3)
    assert proof is not None and not proof.kept
    assert proof.low is not None and proof.gain is not None and proof.low < 0 < proof.gain
    for pairs, most in ((4, 6), (7, 7), (2, 3)):
        with pytest.raises(ValueError, match="looked at after"):
            look([1.0] * pairs, [0.0] * pairs, most)
