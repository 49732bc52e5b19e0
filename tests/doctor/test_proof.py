"""The proof keeps what is beyond seed noise, and hardly anything else."""

import numpy as np
import pytest
from scipy import stats

from retemper.doctor.proof import prove

NAN = float("nan")


def test_paired_interval_is_the_textbooks() -> None:
    before, after = [0.50, 0.55, 0.48, 0.61], [0.47, 0.53, 0.46, 0.56]
    proof = prove(before, after)
    reference = stats.ttest_rel(before, after).confidence_interval(0.95)
    assert (proof.low, proof.high) == pytest.approx((reference.low, reference.high))
    assert proof.kept and proof.gain == pytest.approx(0.03)


def test_unequal_counts_use_welch() -> None:
    before, after = [0.50, 0.55, 0.48, 0.61], [0.40, 0.41, 0.43]
    proof = prove(before, after)
    reference = stats.ttest_ind(before, after, equal_var=False).confidence_interval(0.95)
    assert (proof.low, proof.high) == pytest.approx((reference.low, reference.high))


def test_pure_noise_is_rarely_kept_and_a_real_gain_mostly() -> None:
    random = np.random.default_rng(0)
    seeds = 0.02 * random.standard_normal((2000, 4))
    noise = 0.005 * random.standard_normal((2000, 4))
    false_alarms = np.mean([prove(0.5 + s, 0.5 + s + n).kept for s, n in zip(seeds, noise, strict=True)])
    hits = np.mean([prove(0.5 + s, 0.48 + s + n).kept for s, n in zip(seeds, noise, strict=True)])
    assert 0.015 < false_alarms < 0.035
    assert hits > 0.95


def test_too_few_seeds_cannot_tell() -> None:
    for before, after in [([0.5], [0.1]), ([0.5, 0.5], [0.1, 0.1]), ([], []), ([0.5] * 4, [0.1] * 2)]:
        proof = prove(before, after)
        assert not proof.kept and "can't tell" in proof.message


def test_failed_runs_are_worse_than_any_loss() -> None:
    assert not prove([0.5, 0.5, 0.5], [0.1, 0.1, NAN]).kept
    rescued = prove([NAN, float("inf"), NAN], [0.6, 0.6, 0.6])
    assert rescued.kept and rescued.gain is None and rescued.before is None
    assert not prove([NAN, float("inf"), 0.5], [0.6, 0.6, 0.6]).kept  # chance: up to 7.6 %
    assert prove([NAN] * 4 + [0.5] * 4, [0.6] * 8).kept and not prove([NAN] * 3 + [0.5] * 5, [0.6] * 8).kept
    mostly_fine = prove([NAN, 0.50, 0.51, 0.52], [0.1, 0.50, 0.51, 0.52])
    assert not mostly_fine.kept


def test_the_same_losses_are_no_gain() -> None:
    assert not prove([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]).kept
    assert not prove([0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]).kept


def test_outcome() -> None:
    outcome = prove([0.50, 0.52, 0.51], [0.45, 0.46, 0.46]).outcome("train_longer")
    assert (outcome.remedy, outcome.verdict) == ("train_longer", "kept")
    assert outcome.before == pytest.approx(0.51) and outcome.low is not None and outcome.low > 0


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.4, 0.5, 0.7])
@pytest.mark.parametrize("pooled", [False, True])
def test_without_effect_hardly_anything_is_kept_whatever_fails(rate: float, pooled: bool) -> None:
    random = np.random.default_rng(1)
    losses = random.standard_normal((2000, 2, 4)) + random.standard_normal((2000, 1, 4))
    losses[random.random(losses.shape) < rate] = NAN
    kept = np.mean([prove(before, after, pooled=pooled).kept for before, after in losses])
    assert kept < 0.035


def test_a_correction_for_several_proofs() -> None:
    before, after = [0.50, 0.55, 0.48, 0.61], [0.47, 0.53, 0.46, 0.56]
    reference = stats.ttest_rel(before, after).confidence_interval(1 - 0.05 / 3)
    proof = prove(before, after, tested=3)
    assert (proof.low, proof.high) == pytest.approx((reference.low, reference.high))
    assert "98.33 % interval" in proof.message


def test_pooling_sees_what_ends_failures() -> None:
    """Three networks of four got stuck somewhere before; all do well after."""
    before, after = [0.34, 0.66, 0.67, 0.52], [0.10, 0.12, 0.10, 0.11]
    assert prove(before, after, pooled=True).low > prove(before, after, tested=2).low
    assert prove([0.1, 0.68, 0.67, 0.34], after, pooled=True).kept is False


def test_one_outlying_pair_of_many_does_not_hide_a_gain() -> None:
    """Nine of ten seeds gain; in the tenth the original was far worse, which widens the t-test's interval past 0."""
    before = np.array([0.30, 0.31, 0.29, 0.32, 0.30, 0.28, 0.33, 0.31, 0.30, 5.0])
    after = np.array([0.25, 0.24, 0.26, 0.27, 0.25, 0.22, 0.28, 0.27, 0.24, 0.28])
    assert stats.ttest_rel(before, after, alternative="greater").pvalue > 0.1
    assert prove(before, after).kept and not prove(after, before).kept
    gains = before - after
    assert stats.wilcoxon(gains, alternative="greater", method="exact").pvalue == pytest.approx(2**-10)
    worse = np.where(np.arange(10) < 3, after, before)
    assert not prove(worse, np.where(np.arange(10) < 3, before, after)).kept, "three of ten lose"


@pytest.mark.parametrize("pairs", [7, 12])
def test_ranks_beside_t_keep_no_more_of_what_has_no_effect(pairs: int) -> None:
    random = np.random.default_rng(7)
    for draw in (random.standard_normal, lambda shape: random.standard_t(2, shape)):
        kept = np.mean([prove(0.5 + own, np.full(pairs, 0.5)).kept for own in draw((1500, pairs))])
        assert kept < 0.025 + 2 * np.sqrt(0.025 * 0.975 / 1500)
