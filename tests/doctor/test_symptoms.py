"""Each symptom of curves fires on a curve that shows it, is silent on a healthy one, and says when it can't judge."""

from dataclasses import dataclass

import numpy as np
import pytest

from retemper.core import catalogue
from retemper.core.history import History
from retemper.core.records import Finding, NotApplicable, Severity
from retemper.doctor import case

EPOCHS = np.arange(1.0, 41.0)
NOISE = np.random.default_rng(0).standard_normal(40)
SWING = (-1.0) ** EPOCHS
NAN = np.full(40, np.nan)
TRIVIAL = 0.69


def history(train: np.ndarray, val: np.ndarray | None, rate: np.ndarray | None = None, **more) -> History:
    """A run with a cosine decay of the rate unless another is given."""
    rates = 0.5e-3 * (1 + np.cos(np.pi * (EPOCHS - 1) / 40)) if rate is None else rate
    series = {
        "epoch": EPOCHS[: len(train)],
        "train_loss": train,
        "learning_rate": rates[: len(train)],
        **more,
    }
    return History(0, series if val is None else {**series, "val_loss": val}, TRIVIAL)


def healthy() -> History:
    """Falls fast, settles at a quarter of the trivial loss, validation a little above."""
    course = 0.15 + 0.5 * np.exp(-EPOCHS / 5)
    return history(course + 0.002 * NOISE, course + 0.01 + 0.003 * NOISE[::-1])


FALLING = 0.1 + 0.5 * np.exp(-EPOCHS / 6)
FLAT = 0.3 + 0.3 * np.exp(-EPOCHS)
HIGH_RATE = np.full(40, 1e-3)
LATE = 0.1 + 0.6 / (1 + np.exp((EPOCHS - 18) / 2))
CUT_OFF = np.where(EPOCHS < 10, 0.7 - 0.03 * EPOCHS, 0.43 - 0.0003 * EPOCHS)
STEP = np.where(EPOCHS < 10, 1e-2, 1e-4)


@dataclass(frozen=True)
class Case:
    """A curve that must be found, and one too poor to judge."""

    sick: History
    unjudged: History
    why: str
    severity: Severity


SHORT = history(FALLING[:2], FALLING[:2])
NO_VAL = history(FALLING, None)

CASES = {
    "overfitting": Case(
        history(FALLING, FALLING + EPOCHS / 300 + 0.003 * NOISE), NO_VAL, "val_loss", "warning"
    ),
    "underfitting": Case(
        history(0.5 + 0.1 * np.exp(-EPOCHS), 0.51 + 0.1 * np.exp(-EPOCHS)),
        SHORT,
        "few",
        "advice",
    ),
    "still_improving": Case(
        history(0.7 - EPOCHS / 100, 0.7 - EPOCHS / 110 + 0.002 * NOISE), SHORT, "few", "advice"
    ),
    "plateau": Case(history(FLAT, FLAT, HIGH_RATE), SHORT, "few", "advice"),
    "slow_start": Case(history(LATE, LATE), SHORT, "few", "advice"),
    "decayed_too_early": Case(history(CUT_OFF, CUT_OFF, STEP), SHORT, "few", "advice"),
    "too_few_epochs": Case(
        history(0.7 - EPOCHS / 200, None), History(0, healthy().series, float("nan")), "trivial", "warning"
    ),
    "diverging": Case(history(0.1 * np.exp(EPOCHS / 8), None), SHORT, "few", "error"),
    "non_finite": Case(
        history(np.where(EPOCHS < 9, FALLING, np.nan), np.where(EPOCHS < 9, FALLING, np.nan)),
        History(0, {"epoch": EPOCHS, "val_loss": FALLING}, TRIVIAL),
        "train_loss",
        "error",
    ),
    "overtrained": Case(history(FALLING, 0.3 + 0.002 * np.abs(EPOCHS - 4)), NO_VAL, "val_loss", "warning"),
    "oscillating": Case(history(FALLING + 0.1 * SWING, FALLING), SHORT, "few", "warning"),
    "noisy_validation": Case(history(FLAT, FLAT + 0.01 + 0.05 * NOISE), NO_VAL, "val_loss", "advice"),
}


def run(code: str, on: History) -> Finding | None:
    module = catalogue.entry("symptom", code)
    found: Finding | None = module.check(case.Case(on), module.Options())
    return found


def test_the_cases_are_symptoms() -> None:
    assert set(CASES) <= set(catalogue.names("symptom"))


@pytest.mark.parametrize("code", sorted(CASES))
def test_fires(code: str) -> None:
    found = run(code, CASES[code].sick)
    assert found is not None
    assert found.code == code and found.severity == CASES[code].severity


@pytest.mark.parametrize("code", sorted(CASES))
def test_silent_on_a_healthy_run(code: str) -> None:
    assert run(code, healthy()) is None


@pytest.mark.parametrize("code", sorted(CASES))
def test_says_when_it_cannot_judge(code: str) -> None:
    with pytest.raises(NotApplicable, match=CASES[code].why):
        run(code, CASES[code].unjudged)


def test_overfitting_needs_more_than_ripples_near_zero_and_more_than_noise() -> None:
    near_zero = 1e-4 * (1 + EPOCHS / 40)
    assert run("overfitting", history(FALLING, near_zero)) is None
    noises = np.random.default_rng(1).standard_normal((200, 40))
    found = [run("overfitting", history(FALLING, 0.5 + 0.05 * noise)) for noise in noises]
    assert (
        sum(f is not None and f.severity == "warning" for f in found) <= 6
    )  # the gap is there, a rise is not


def test_a_loss_that_rises_on_training_rows_too_is_no_overfitting() -> None:
    rising = 0.1 + EPOCHS / 50
    assert run("overfitting", history(rising, rising)) is None
    assert run("diverging", history(rising, rising)) is not None


def test_dropout_alone_is_no_underfitting() -> None:
    """The training loss with dropout is higher than the network's own, which validation shows."""
    assert run("underfitting", history(0.5 + 0 * EPOCHS, 0.2 + 0 * EPOCHS)) is None


def test_plateau_at_the_trivial_loss_is_an_error_and_a_decayed_one_is_none() -> None:
    stuck = run("plateau", history(0.69 + 0.001 * NOISE, 0.69 + 0.001 * NOISE))
    assert stuck is not None and stuck.severity == "error"
    assert run("plateau", history(FLAT, FLAT)) is None
    assert run("plateau", history(FLAT / 100, FLAT / 100, HIGH_RATE)) is None


def test_a_guess_of_what_guessing_costs_makes_no_error() -> None:
    """A first logged loss may be one that has been learnt already."""
    flat = {"epoch": EPOCHS, "train_loss": 0.69 + 0.001 * NOISE}
    assert run("plateau", History(0, flat, float("nan"))) is None
    assert run("underfitting", History(0, flat, float("nan"))).severity == "advice"


def test_a_rate_that_warms_up_is_no_slow_start() -> None:
    rising = np.minimum(EPOCHS / 15, 1.0) * 1e-3
    assert run("slow_start", history(LATE, LATE, rising)) is None


def test_a_decay_that_was_due_is_not_too_early() -> None:
    """The loss had settled; after the drop of the rate it falls at once, as the steps' noise goes."""
    settled = np.where(EPOCHS < 16, 0.3 + 0.4 * np.exp(-EPOCHS / 2), 0.2 - 0.0001 * EPOCHS)
    assert run("decayed_too_early", history(settled, settled, np.where(EPOCHS < 16, 1e-2, 1e-4))) is None


def test_without_a_rate_a_kink_shows_the_decay_and_convergence_does_not() -> None:
    def unknown(loss: np.ndarray) -> History:
        return History(0, {"epoch": EPOCHS, "train_loss": loss}, TRIVIAL)

    found = run("decayed_too_early", unknown(CUT_OFF))
    assert found is not None and found.evidence["drop_epoch"] in (9, 10, 11)
    for pace in (1, 2, 3, 5, 8, 13):
        assert run("decayed_too_early", unknown(0.1 + 0.6 * np.exp(-EPOCHS / pace))) is None


def test_warm_restarts_are_no_oscillation() -> None:
    way = (EPOCHS - 1) % 10
    assert run("oscillating", history(0.2 + 0.3 * np.exp(-way / 2), None)) is None


def test_a_wide_gap_with_flat_validation_is_overfitting_and_only_advice() -> None:
    found = run("overfitting", history(FALLING - 0.09, np.maximum(FALLING, 0.4) + 0.002 * NOISE))
    assert found is not None and found.severity == "advice"


def test_losses_below_zero_are_judged_by_their_range() -> None:
    density = 30 * FALLING - 12
    assert run("overfitting", history(density, density + 0.01 * EPOCHS)) is None
    assert run("overfitting", history(density, density + 0.4 * EPOCHS)) is not None


def test_still_improving_reads_the_training_loss_where_there_is_no_other() -> None:
    found = run("still_improving", history(0.7 - EPOCHS / 100, None))
    assert found is not None and "training loss" in found.message


@pytest.mark.parametrize("code", sorted(CASES))
@pytest.mark.parametrize("times", [1e-3, 40.0])
def test_the_unit_of_the_loss_does_not_matter(code: str, times: float) -> None:
    sick = CASES[code].sick
    scaled = {n: v * times if n.endswith("_loss") else v for n, v in sick.series.items()}
    found, other = run(code, sick), run(code, History(0, scaled, sick.trivial_loss * times))
    assert found is not None and other is not None and other.confidence == pytest.approx(found.confidence)


def test_a_loss_blown_up_in_the_first_epoch_diverges() -> None:
    found = run("diverging", history(50 + 0 * EPOCHS, None, gradient_norm=EPOCHS))
    assert found is not None and "72.5 times the trivial loss" in found.message
    assert found.evidence["gradient_norm_p90"] == pytest.approx(36.1)


def test_gaps_in_a_curve_are_not_failures() -> None:
    every_second = np.where(EPOCHS % 2 == 0, FALLING, np.nan)
    assert run("non_finite", history(FALLING, every_second)) is None
    other = np.where(EPOCHS % 2 == 1, FALLING, np.nan)
    assert run("non_finite", history(other, every_second)) is None
    found = run("non_finite", history(np.where(EPOCHS == 5, np.inf, FALLING), FALLING))
    assert found is not None and found.evidence["first_epoch"] == 5
    found = run("non_finite", history(NAN, NAN))
    assert found is not None and found.evidence["first_epoch"] == 1


def test_a_small_rise_counts_where_the_rows_were_learnt_by_heart() -> None:
    rising = 0.06 + 0.6 * np.exp(-EPOCHS / 2) + 0.0003 * EPOCHS
    for code in ("overfitting", "overtrained"):
        assert run(code, history(0.6 * np.exp(-EPOCHS / 3), rising)) is not None
        assert run(code, history(0.05 + 0.6 * np.exp(-EPOCHS / 3), rising)) is None


def test_a_training_that_stands_still_after_its_first_epoch_does_not_overfit() -> None:
    """The first epoch's mean is higher only because it is older than the validation loss at its end."""
    train, val = np.where(EPOCHS == 1, 0.9, 0.66), 0.6 + 0.15 * (1 - np.exp(-EPOCHS / 2))
    for code in ("overfitting", "overtrained"):
        assert run(code, history(train, val)) is None
        assert run(code, history(train - 0.002 * EPOCHS, val)) is not None


def test_a_loss_blown_up_at_first_diverges_unless_it_comes_to_rest() -> None:
    """Far from what guessing costs, which is not known; large targets fall as far."""
    blown = np.where(EPOCHS < 3, 1e4, 2.0)
    for swing, found in ((0.5, True), (0.02, False)):
        own = history(blown * (1 + swing * SWING), 2 + swing * SWING)
        assert (run("diverging", History(0, own.series, float("nan"))) is not None) == found


def test_underfitting_held_back_by_dropout_where_validation_is_poor_too() -> None:
    noisy = 0.55 + 0.03 * NOISE
    assert run("underfitting", history(noisy, 0.3 + 0 * EPOCHS)) is not None
    assert run("underfitting", history(0.55 - 0.004 * EPOCHS, 0.3 + 0 * EPOCHS)) is None  # it falls


def test_a_plateau_without_a_rate_must_still_jitter() -> None:
    def unknown(jitter: np.ndarray) -> History:
        series = {"epoch": EPOCHS, "train_loss": FLAT + 0.01 * NOISE, "val_loss": FLAT + jitter}
        return History(0, series, TRIVIAL)

    assert run("plateau", unknown(0.01 * NOISE)) is not None
    assert run("plateau", unknown(0.01 * NOISE * (EPOCHS < 32))) is None
    still = {"epoch": EPOCHS, "train_loss": FLAT, "val_loss": FLAT}
    assert run("plateau", History(0, still, TRIVIAL)) is None


def test_a_start_that_gathers_speed_slowly_is_slow() -> None:
    gathering = 2.3 - 1.8 / (1 + np.exp(-(EPOCHS - 14) / 4))
    steady = 2.3 * np.exp(-EPOCHS / 20)
    assert run("slow_start", history(gathering, None, HIGH_RATE)) is not None
    assert run("slow_start", history(steady, None, HIGH_RATE)) is None


def test_a_rate_that_drops_after_two_epochs_decayed_too_early() -> None:
    cut = np.where(EPOCHS < 3, 0.7 - 0.1 * EPOCHS, 0.48 - 0.0003 * EPOCHS)
    assert run("decayed_too_early", history(cut, cut, np.where(EPOCHS < 3, 1e-2, 1e-4))) is not None


def test_what_is_next_to_nothing_is_not_worth_more_epochs() -> None:
    assert run("still_improving", history(0.004 - EPOCHS / 20000, 0.004 - EPOCHS / 20000)) is None


def test_a_loss_thrown_far_above_its_start_oscillates_and_does_not_start_slowly() -> None:
    thrown = np.where(EPOCHS == 1, 1.0, 300 * np.exp(-EPOCHS / 6))
    assert run("oscillating", history(thrown, None, HIGH_RATE)) is not None
    assert run("slow_start", history(thrown, None, HIGH_RATE)) is None


def test_a_validation_loss_beyond_all_it_had_diverges() -> None:
    swings = 1 + 0.2 * NOISE
    assert run("diverging", history(swings, np.where(EPOCHS < 4, 1.0, 1e13))) is not None
    assert run("diverging", history(swings, np.where(EPOCHS < 4, 1.0, 9.0))) is None


def test_a_plateau_that_never_rests_is_one_though_its_jitter_hides_how_flat_it_is() -> None:
    jumps = np.random.default_rng(5).standard_normal((2, 40))
    level = np.maximum(1 - EPOCHS / 8, 0.2)
    restless = history(level * (1 + 0.06 * jumps[0]), level * (1 + 0.15 * jumps[1]), HIGH_RATE)
    assert run("plateau", restless) is not None
    deep = np.maximum(1 - EPOCHS / 8, 0.02)
    assert run("plateau", history(deep * (1 + 0.06 * jumps[0]), deep * (1 + 0.15 * jumps[1]), None)) is None


def test_ripples_of_the_training_loss_alone_do_not_oscillate() -> None:
    ripples = 0.12 + 0.01 * (-1.0) ** EPOCHS
    assert run("oscillating", history(ripples, 0.12 + 0 * EPOCHS)) is None
    assert run("oscillating", history(ripples, ripples)) is not None


def test_a_short_flat_start_is_slow_whatever_comes_later() -> None:
    way = np.arange(1.0, 81)
    train = np.where(way < 6, 0.69, 0.25 + 0.35 * np.exp(-(way - 6) / 4) - 0.002 * (way - 6))
    val = train + 0.01 * np.maximum(way - 20, 0)
    for name in ("slow_start", "overtrained"):
        assert (
            run(name, History(0, {"epoch": way, "train_loss": train, "val_loss": val}, TRIVIAL)) is not None
        )


def test_a_rate_that_dwindles_is_judged_by_its_own_clock() -> None:
    rate = 0.5**EPOCHS
    starved = 1 - 0.2 * np.cumsum(rate)
    assert run("decayed_too_early", history(starved, starved, rate)).evidence["lasting"] > 0.8
    converged = 0.3 + 0.7 * np.exp(-12 * np.cumsum(rate))
    assert run("decayed_too_early", history(converged, converged, rate)) is None
    assert run("decayed_too_early", history(starved, 1 + EPOCHS / 40, rate)) is None


def test_a_training_that_broke_down_does_not_overfit() -> None:
    rising = FALLING + EPOCHS / 100
    assert run("overfitting", history(FALLING, rising)) is not None
    lost = np.where(EPOCHS < 36, 1.0, np.nan)
    for name in ("overfitting", "overtrained", "too_few_epochs"):
        assert run(name, history(FALLING * lost, rising * lost)) is None


def test_a_loss_that_was_thrown_up_and_came_back_oscillates_and_does_not_diverge() -> None:
    back = np.where((EPOCHS > 1) & (EPOCHS < 4), 90.0, 0.6 + 0.1 * (-1.0) ** EPOCHS)
    assert run("oscillating", history(back, back)) is not None
    assert run("diverging", history(back, back)) is None
