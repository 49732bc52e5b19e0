"""The order of the steps, leaving some out, and going on after an interruption."""

from dataclasses import replace

import pytest

from retemper.core.budget import Budget, Deadline, now
from retemper.core.errors import InputError, Interrupted
from retemper.core.progress import SilentReporter
from retemper.procedure.sequence import ALWAYS, STEPS, ending_s
from retemper.training import carry_out
from retemper.training.checkpoint import Checkpoint

CAN_BE_SKIPPED = [name for name in STEPS if name not in ALWAYS]


def test_time_is_kept_for_testing_many_classes(bench, tables):
    _, state = bench(tables.three_classes())
    limit = Budget(20.0, now())
    assert 0 < ending_s(state, limit) < 0.001 and ending_s(state, Budget(None, now())) == 0
    many = state.with_(schema=replace(state.schema, classes=tuple(map(str, range(10**5)))))
    assert 1 < ending_s(many, limit) < 6
    every = state.with_(schema=replace(state.schema, classes=tuple(map(str, range(10**6)))))
    assert ending_s(every, limit) == 6


class StopAt(SilentReporter):
    """Ctrl-C when a step starts."""

    def __init__(self, step):
        self.step = step

    def step_started(self, name, number, total):
        if name == self.step:
            raise Interrupted("interrupted", "Stopped at the wish of the test.", None, "Resume it.")


class Listening(SilentReporter):
    def __init__(self):
        self.started, self.finished = [], []

    def step_started(self, name, number, total):
        self.started.append((name, number, total))

    def step_finished(self, step):
        self.finished.append(step)


def test_the_reporter_hears_of_every_step_in_order(tmp_path, run_all, tables, slow):
    hears = Listening()
    done = run_all(tmp_path / "run", tables.three_classes(), "y", {"procedure.skip": slow}, reporter=hears)
    assert hears.started == [(name, k, 13) for k, name in enumerate(STEPS, 1)]
    assert [step.name for step in hears.finished] == list(STEPS)
    assert [step.message for step in hears.finished] == [step["message"] for step in done.result["steps"]]


def test_all_that_can_be_skipped_at_once(tmp_path, run_all, tables):
    done = run_all(tmp_path / "run", tables.three_classes(), "y", {"procedure.skip": CAN_BE_SKIPPED})
    for step in done.result["steps"]:
        assert (step["verdict"] == "skipped") == (step["name"] in CAN_BE_SKIPPED)
        if step["verdict"] == "skipped":
            assert "procedure.skip" in step["message"] and step["evidence"] == {}
    assert done.result["search"]["trials"] == 0
    assert done.result["metrics"]["test"]["accuracy"]["value"] > 0.5


@pytest.mark.parametrize("step", [name for name in CAN_BE_SKIPPED if name.startswith("search")])
def test_half_a_search_can_be_skipped(tmp_path, run_all, tables, slow, step):
    done = run_all(tmp_path / "run", tables.prices(), "price", {"procedure.skip": [*slow, step]})
    assert done.step(step)["verdict"] == "skipped"
    assert done.step("train_long")["verdict"] == "pass"


@pytest.mark.parametrize("name", ALWAYS)
def test_some_steps_are_always_done(tmp_path, run_all, tables, name):
    with pytest.raises(InputError, match="can be left out") as caught:
        run_all(tmp_path / "run", tables.prices(), "price", {"procedure.skip": [name]})
    assert caught.value.code == "bad_recipe"


def test_a_misspelt_step_gets_its_right_spelling(tmp_path, run_all, tables):
    with pytest.raises(InputError, match="callibrate") as caught:
        run_all(tmp_path / "run", tables.prices(), "price", {"procedure.skip": ["callibrate"]})
    assert caught.value.hint == "Did you mean calibrate?"


@pytest.fixture(scope="module")
def whole(tmp_path_factory, run_all, tables, slow):
    """A run that nobody disturbs, and the settings to do it again."""
    changes = {"procedure.skip": slow, "training.epochs": 6, "search.refine_rungs": 2}
    settings = (tables.two_classes(), "y", changes)
    return run_all(tmp_path_factory.mktemp("whole") / "run", *settings), settings


@pytest.mark.parametrize("step", ["search_refine", "train_long", "test_once"])
def test_a_run_that_was_interrupted_ends_in_the_same_weights(tmp_path, run_all, whole, step):
    undisturbed, settings = whole
    with pytest.raises(Interrupted):
        run_all(tmp_path / "run", *settings, reporter=StopAt(step))
    assert not (tmp_path / "run" / "result.json").exists()
    resumed = run_all(tmp_path / "run", *settings)
    assert resumed.weights == undisturbed.weights
    assert resumed.result["metrics"] == undisturbed.result["metrics"]
    assert resumed.step("test_once")["evidence"]["read"] == 1


def test_a_run_that_was_stopped_inside_train_long_goes_on_from_its_checkpoint(
    tmp_path, run_all, whole, monkeypatch
):
    undisturbed, settings = whole
    path = run_all(tmp_path / "run", *settings).path
    (job,) = (path / "checkpoints" / "jobs").glob("train_long*")
    for file in (path / "result.json", path / "model" / "weights.safetensors", job / "done.safetensors"):
        file.unlink()
    stop_in_epoch(3, job, monkeypatch)
    assert (job / "state.safetensors").exists()
    resumed = run_all(path, *settings)
    assert resumed.weights == undisturbed.weights
    assert not (job / "state.safetensors").exists()


def stop_in_epoch(epoch, job, monkeypatch):
    """Train a job here, with a checkpoint an epoch, until Ctrl-C."""

    def tell(fraction, text):
        if text.startswith(f"epoch {epoch} "):
            raise Interrupted("interrupted", "Stopped at the wish of the test.", None, "Resume it.")

    monkeypatch.setattr(Checkpoint.__init__, "__defaults__", (0.0,))
    with pytest.raises(Interrupted):
        carry_out.run(job, Deadline(), tell)


def test_the_seed_alone_fixes_the_result(tmp_path, run_all, whole):
    undisturbed, (frame, target, changes) = whole
    again = run_all(tmp_path / "same", frame, target, changes)
    assert again.weights == undisturbed.weights
    other = run_all(tmp_path / "other", frame, target, changes | {"seed": 1})
    assert other.weights != undisturbed.weights
