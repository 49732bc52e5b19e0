"""A temperature for new networks: of each fold's rows without them."""

from dataclasses import replace

import numpy as np
import pytest

from retemper.evaluation.calibration import fit_temperature
from retemper.retraining import calibrated as module
from retemper.retraining.calibrated import calibrated
from retemper.retraining.ground import Ground
from retemper.retraining.stacks import Trained

from .made import ground_of


def sure_of_all(ground: Ground) -> Trained:
    """Answers that are right three times of four, and told with near certainty."""
    draw = np.random.default_rng(0)
    count = len(ground.y_new)
    called = np.where(draw.random(count) < 0.75, ground.y_new, (ground.y_new + 1) % 3)
    new = np.full((count, 3), 1e-4)
    new[np.arange(count), called] = 1 - 2e-4
    return Trained(ground.grown, new, ground.said_old, 0.0, 0.0)


def test_sure_words_are_cooled() -> None:
    ground = ground_of("classes")
    before = sure_of_all(ground)
    after = calibrated(ground, before)
    wanted = fit_temperature(np.log(before.new), ground.y_new, ground.weight_new)
    assert wanted > 2 and after.model.temperature == pytest.approx(before.model.temperature * wanted)
    assert ground.losses_new(after.new).mean() < 0.5 * ground.losses_new(before.new).mean()
    assert (after.new.argmax(1) == before.new.argmax(1)).all()
    # The model itself says of old rows what is told of it.
    np.testing.assert_allclose(after.old, after.model.outputs(ground.past.judges), rtol=1e-5)


def test_a_fold_has_no_say_in_its_own_temperature() -> None:
    ground = ground_of("classes")
    trained = sure_of_all(ground)
    at = int(np.flatnonzero(ground.folds == 2)[0])
    labels = ground.new["y"].to_list()
    labels[at] = next(y for y in labels if y != labels[at])
    other = replace(ground, new=ground.new.with_columns(y=type(ground.new["y"])("y", labels)))
    one, two = (calibrated(own, trained).new for own in (ground, other))
    mine = ground.folds == 2
    np.testing.assert_array_equal(one[mine], two[mine])
    assert (one[~mine] != two[~mine]).all()


def test_what_can_not_be_calibrated_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = ground_of("numbers")
    of_numbers = Trained(numbers.grown, numbers.said_new, numbers.said_old, 0.0, 0.0)
    assert calibrated(numbers, of_numbers) is of_numbers
    ground = ground_of("classes")
    broken = replace(sure_of_all(ground), new=np.full((120, 3), np.nan))
    assert calibrated(ground, broken) is broken
    monkeypatch.setattr(module, "LEAST_ROWS", 121)
    few = sure_of_all(ground)
    assert calibrated(ground, few) is few
