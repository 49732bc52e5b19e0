"""Symptoms of curves where what guessing costs is a poor measure: losses far below it, or starts far above it."""

import numpy as np

from retemper.core import catalogue
from retemper.core.history import History
from retemper.core.records import Finding
from retemper.doctor.case import Case

EPOCHS = np.arange(1.0, 41.0)
SWING = (-1.0) ** EPOCHS


def run(code: str, train: np.ndarray, val: np.ndarray) -> Finding | None:
    series = {"epoch": EPOCHS, "train_loss": train, "val_loss": val, "learning_rate": np.full(40, 1e-3)}
    module = catalogue.entry("symptom", code)
    found: Finding | None = module.check(Case(History(0, series, 1.0)), module.Options())
    return found


def test_most_of_the_validation_loss_is_a_wide_gap_though_little_of_what_guessing_costs() -> None:
    """Of a target without noise next to nothing is left, and yet most of it is what the rows alone taught."""
    val = 0.06 + 0.9 * np.exp(-EPOCHS / 2)
    assert run("overfitting", val - 0.045, val) is not None
    assert run("overfitting", val - 0.025, val) is None
    assert run("overfitting", val - 0.9 * (val - 0.02), 0.02 + 0.9 * np.exp(-EPOCHS / 2)) is None


def test_both_losses_swing_far_below_a_start_that_was_thrown_up() -> None:
    """The first loss, by which what guessing costs is guessed, is a thousand times what is left."""
    course = 0.4 + 1000 * np.exp(-EPOCHS)
    swings = course + 0.06 * SWING
    assert run("oscillating", swings / 1000, swings / 1000) is not None
    assert run("oscillating", swings / 1000, course / 1000) is None  # the validation loss rests
    assert run("oscillating", swings / 1000, 20 * swings / 1000) is None  # the rows are known by heart


def test_a_restless_loss_is_flat_where_its_slope_is_within_two_standard_errors() -> None:
    level = np.maximum(1 - EPOCHS / 8, 0.3)
    rises = 1 + np.maximum(EPOCHS - 24, 0) / 16 * 0.2
    assert run("plateau", level * rises * (1 + 0.25 * SWING), level * (1 + 0.25 * SWING)) is not None
    assert run("plateau", level * rises * (1 + 0.04 * SWING), level * (1 + 0.25 * SWING)) is None


def test_a_fall_by_a_power_law_would_have_gone_on_after_the_drop() -> None:
    """Each part falls less than the one before, as losses do; by that the rest of the run still had much to gain."""
    rate = np.where(EPOCHS < 9, 1e-3, 1e-5)
    slow = 0.3 + 0.7 * np.minimum(EPOCHS, 8 + 0.01 * EPOCHS) ** -0.7
    module = catalogue.entry("symptom", "decayed_too_early")

    def found(loss: np.ndarray) -> Finding | None:
        series = {"epoch": EPOCHS, "train_loss": loss, "learning_rate": rate}
        judged: Finding | None = module.check(Case(History(0, series, 1.0)), module.Options())
        return judged

    told = found(slow)
    assert told is not None
    truth = 1 - (0.3 + 0.7 * 40**-0.7) / slow[7]
    assert 0.7 * truth < told.evidence["falling"] < 1.3 * truth
    assert found(0.3 + 0.7 * np.exp(-np.minimum(EPOCHS, 8))) is None  # it had converged
