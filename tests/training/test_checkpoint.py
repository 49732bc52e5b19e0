"""A training that is killed at any step goes on to the same bits."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from retemper.core.budget import Deadline
from retemper.training.callback import Callback
from retemper.training.checkpoint import Checkpoint
from retemper.training.loop import Training
from retemper.training.plan import Fit, Plan
from retemper.training.planning import callbacks_of


class Kill(Callback):
    """Ends the process, as far as a test can."""

    class Killed(Exception):
        pass

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, training: Training) -> None:
        if training.step == self.step:
            raise Kill.Killed


def begin(plan: Plan, path: Path, deadline: Deadline | None = None) -> tuple[Training, bool]:
    """A training with a checkpoint after every epoch, brought to where the file stands."""
    callbacks = callbacks_of(plan, lambda share, text: None, None, path)
    training = Training(plan, callbacks, deadline)
    checkpoint = next(callback for callback in callbacks if isinstance(callback, Checkpoint))
    checkpoint.every_s = 0.0
    return training, checkpoint.restore(training)


def assert_same(ours: list[Fit], theirs: list[Fit]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one.row, other.row)
        assert one.member == other.member and one.history == other.history
        assert (one.best_epoch, one.epochs, one.val_loss) == (other.best_epoch, other.epochs, other.val_loss)


@pytest.mark.parametrize("optimizer", ["adamw", "nesterov"])
@pytest.mark.parametrize("killed_at", [(3,), (5,), (17, 31), (48, 52, 77, 78)])
def test_a_killed_training_goes_on_to_the_same_bits(
    plan_for: Any, train: Any, tmp_path: Path, optimizer: str, killed_at: tuple[int, ...]
) -> None:
    options = {
        "optimizer": optimizer,
        "schedule": {"name": "on_plateau", "patience_epochs": 1},
        "patience_epochs": 4,
    }
    plan = plan_for(training=options, epochs=30)
    _, whole = train(plan)
    assert len({fit.epochs for fit in whole}) > 1 and max(fit.epochs for fit in whole) > 16
    for step in killed_at:
        training, _ = begin(plan, tmp_path / "state")
        training.callbacks = [*training.callbacks, Kill(step)]
        with pytest.raises(Kill.Killed):
            training.run()
    training, found = begin(plan, tmp_path / "state")
    assert found == (killed_at[-1] > 5) and training.step == (killed_at[-1] - 1) // 5 * 5
    assert_same(training.run(), whole)


def test_everybody_has_stopped(plan_for: Any, train: Any, tmp_path: Path) -> None:
    plan = plan_for(training={"patience_epochs": 2}, epochs=60)
    first = begin(plan, tmp_path / "state")[0].run()
    training, found = begin(plan, tmp_path / "state")
    assert found and len(training.stack) == 0
    assert_same(training.run(), first)


def test_a_training_stopped_by_its_deadline_goes_on_from_a_whole_epoch(
    plan_for: Any, train: Any, tmp_path: Path
) -> None:
    plan = plan_for(epochs=4)
    stopped, _ = begin(plan, tmp_path / "state", Deadline("test", None, 13))
    stopped.run()
    training, found = begin(plan, tmp_path / "state")
    assert found and (training.epoch, training.step) == (2, 10)
    assert_same(training.run(), train(plan)[1])


@pytest.mark.parametrize("damage", ["empty", "cut", "garbage", "another file"])
def test_a_damaged_checkpoint_is_as_none(plan_for: Any, train: Any, tmp_path: Path, damage: str) -> None:
    plan, path = plan_for(epochs=2), tmp_path / "state"
    begin(plan, path)[0].run()
    content = path.read_bytes()
    if damage == "another file":
        save_file({"x": torch.zeros(1)}, path)
    else:
        path.write_bytes({"empty": b"", "cut": content[:-100], "garbage": b"\xff" * 1000}[damage])
    training, found = begin(plan, path)
    assert not found and training.step == 0
    assert_same(training.run(), train(plan)[1])
