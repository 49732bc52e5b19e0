"""Each symptom fires on a curve that shows it, is silent on a healthy one, and says when it can't judge."""

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
        History(0, healthy().series, float("nan")),
        "trivial",
        "advice",
    ),
    "still_improving": Case(
        history(0.7 - EPOCHS / 100, 0.7 - EPOCHS / 110 + 0.002 * NOISE), SHORT, "few", "advice"
    ),
    "plateau": Case(history(FLAT, FLAT, HIGH_RATE), SHORT, "few", "advice"),
    "diverging": Case(history(0.1 * np.exp(EPOCHS / 8), None), SHORT, "few", "error"),
    "non_finite": Case(
        history(np.where(EPOCHS < 9, FALLING, np.nan), np.where(EPOCHS < 9, FALLING, np.nan)),
        History(0, {"epoch": EPOCHS, "val_loss": FALLING}, TRIVIAL),
        "train_loss",
        "error",
    ),
    "overtrained": Case(history(FALLING, 0.3 + 0.002 * np.abs(EPOCHS - 4)), NO_VAL, "val_loss", "advice"),
    "oscillating": Case(history(FALLING + 0.1 * SWING, FALLING), SHORT, "few", "warning"),
    "noisy_validation": Case(history(FLAT, FLAT + 0.01 + 0.05 * NOISE), NO_VAL, "val_loss", "advice"),
}


def run(code: str, on: History) -> Finding | None:
    module = catalogue.entry("symptom", code)
    found: Finding | None = module.check(case.Case(on), module.Options())
    return found


def test_every_symptom_has_its_case() -> None:
    assert set(catalogue.names("symptom")) == set(CASES)


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
    assert sum(f is not None for f in found) <= 6


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
    with pytest.raises(NotApplicable, match="neither"):
        run("plateau", History(0, {"epoch": EPOCHS, "train_loss": FLAT}, float("nan")))


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
