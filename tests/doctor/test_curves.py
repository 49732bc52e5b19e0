"""How curves are read."""

import numpy as np
import pytest

from retemper.core.history import History
from retemper.core.records import NotApplicable
from retemper.doctor import curves


def test_smooth_is_the_mean_over_the_window() -> None:
    values = np.random.default_rng(0).random(50)
    smooth = curves.smooth(values)
    for at in (0, 1, 20, 49):
        assert smooth[at] == pytest.approx(values[max(at - 2, 0) : at + 3].mean())
    assert curves.smooth(np.array([3.0])).tolist() == [3.0]


def test_fall_and_jitter_take_the_line_apart_from_the_noise() -> None:
    line = 2 - 0.01 * np.arange(41)
    assert curves.fall(line) == pytest.approx(0.2)
    assert curves.fall(line[::-1]) == pytest.approx(-0.25)
    noise = 0.1 * np.random.default_rng(0).standard_normal(41)
    assert curves.jitter(line + noise) == pytest.approx(noise.std(), rel=0.1)
    assert curves.fall(np.array([1.0])) == 0 and curves.jitter(np.array([1.0])) == 0


def test_a_curve_keeps_what_was_measured() -> None:
    history = History(0, {"val_loss": np.array([np.nan, 2.0, np.inf, 1.0])}, 1.0)
    curve = curves.curve(history, "val_loss", 2)
    assert curve.epochs.tolist() == [2, 4] and curve.values.tolist() == [2, 1]
    with pytest.raises(NotApplicable, match="2 values of val_loss"):
        curves.curve(history, "val_loss", 3)
    with pytest.raises(NotApplicable, match="not recorded"):
        curves.curve(history, "train_loss", 1)
