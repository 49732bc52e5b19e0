"""Anyone's metrics files become histories; what can't be read is told with file, column and row."""

import gzip
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retemper.core.errors import InputError
from retemper.core.metric_curves import metrics_of
from retemper.core.metric_names import meaning
from retemper.core.metrics_file import read_rows


@pytest.fixture
def read(tmp_path):
    """Text of a file → its metrics."""

    def call(text, name="metrics.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return metrics_of(read_rows(path), str(path))

    return call


@pytest.mark.parametrize(
    ("name", "stage", "measure"),
    [
        ("loss", "", "loss"),
        ("Training Loss", "train", "loss"),
        ("valid_loss", "val", "loss"),
        ("eval/loss", "val", "loss"),
        ("test_loss", "val", "loss"),
        ("trainLoss", "train", "loss"),
        ("train_loss_epoch", "train", "loss"),
        ("val_mean_squared_error", "val", "loss"),
        ("val_sparse_categorical_accuracy", "val", "accuracy"),
        ("acc", "", "accuracy"),
        ("lr-Adam/pg1", "", "learning_rate"),
        ("Learning Rate", "", "learning_rate"),
        ("grad_norm", "", "gradient_norm"),
        ("global_step", "", "step"),
        ("Epoch", "", "epoch"),
    ],
)
def test_usual_names(name, stage, measure):
    told = meaning(name)
    assert told is not None and (told.stage, told.measure) == (stage, measure)


@pytest.mark.parametrize(
    "name", ["train/box_loss", "wall_time", "samples_per_second", "train_val_loss", "", "val_f1"]
)
def test_names_that_tell_nothing(name):
    assert meaning(name) is None


def test_keras_csv_logger(read):
    text = "epoch,accuracy,loss,val_accuracy,val_loss\n0,.5,.7,.5,.69\n1,.6,.6,.55,.65\n"
    (history,) = read(text).histories
    assert history["epoch"].tolist() == [1, 2] and history["train_loss"].tolist() == [0.7, 0.6]
    assert history["val_loss"].tolist() == [0.69, 0.65] and math.isnan(history.trivial_loss)


def test_lightning_rows_with_gaps(read):
    lines = ["epoch,step,train_loss_epoch,train_loss_step,val_loss,lr-Adam"]
    for e in range(9):
        lines += [f"{e},{e * 30 + 9},,{9 - e},,", f"{e},{e * 30 + 29},,,{2 / (e + 1)},"]
        lines += [f"{e},{e * 30 + 29},{1 / (e + 1)},,,", f",{e * 30 + 29},,,,0.001"]
    found = read("\n".join(lines))
    (history,) = found.histories
    assert found.columns["train_loss"] == "train_loss_epoch" and found.unit == "epoch"
    assert history["train_loss"] == pytest.approx(1 / np.arange(1, 10))
    assert history["val_loss"] == pytest.approx(2 / np.arange(1, 10))
    assert history["learning_rate"].tolist() == [0.001] * 9


def test_hugging_face_state_is_read_by_its_logs_where_epochs_are_few(read):
    log = [
        {"loss": 2 - k / 20, "learning_rate": 1e-4, "epoch": k / 10, "step": 100 * k} for k in range(1, 21)
    ]
    log.insert(10, {"eval_loss": 1.6, "epoch": 1.0, "step": 1000})
    log.append({"train_loss": 1.5, "train_runtime": 9.0, "epoch": 2.0, "step": 2000})
    found = read(json.dumps({"global_step": 2000, "log_history": log}, indent=1), "trainer_state.json")
    (history,) = found.histories
    assert found.unit == "point" and len(history) == 20
    assert history["train_loss"] == pytest.approx([2 - k / 20 for k in range(1, 21)])
    assert np.flatnonzero(np.isfinite(history["val_loss"])).tolist() == [9]


def test_thousands_of_steps_are_read_from_one_validation_to_the_next(read):
    rows = [f"{i},{2 - i / 5000},{0.5 if i % 100 == 99 else ''}" for i in range(5000)]
    (history,) = read("iter,loss,val_loss\n" + "\n".join(rows)).histories
    assert len(history) == 50 and history["train_loss"][0] == pytest.approx(2 - 49.5 / 5000)
    (alone,) = read("iter,loss\n" + "\n".join(row.rsplit(",", 1)[0] for row in rows)).histories
    assert len(alone) == 100 and np.all(np.diff(alone["train_loss"]) < 0)


def test_one_row_a_phase(read):
    rows = [f"{e},{phase},{e + (phase == 'val')},{50 + e}%" for phase in ("train", "val") for e in range(9)]
    (history,) = read("epoch,phase,loss,acc\n" + "\n".join(rows)).histories
    assert history["val_loss"].tolist() == [e + 1 for e in range(9)]
    assert history["train_accuracy"][0] == pytest.approx(0.5)


def test_accuracies_alone_stand_for_error_rates(read):
    found = read("epoch,acc,val_acc\n" + "\n".join(f"{e},{50 + e},{40 + e}" for e in range(9)))
    assert found.measure == "error rate"
    assert found.histories[0]["val_loss"] == pytest.approx([0.6 - e / 100 for e in range(9)])


def test_a_resumed_training_repeats_epochs_and_the_newer_count(read):
    (history,) = read("epoch,loss\n1,.9\n2,.8\n3,.7\n2,.6\n3,.5\n").histories
    assert history["train_loss"].tolist() == [0.9, 0.6, 0.5]


def test_several_networks_in_one_file(read):
    text = "".join(
        json.dumps({"member": m, "epoch": e, "val_loss": e + m}) + "\n" for m in (0, 1) for e in (1, 2)
    )
    first, second = read(text, "history.jsonl").histories
    assert first["val_loss"].tolist() == [1, 2] and second["val_loss"].tolist() == [2, 3]


def test_not_a_number_is_infinite_and_a_gap_is_not(read):
    (history,) = read("epoch,loss,val_loss\n1,.5,\n2,nan,0.4\n").histories
    assert history["train_loss"].tolist() == [0.5, math.inf]
    assert math.isnan(history["val_loss"][0]) and history["val_loss"][1] == 0.4


@pytest.mark.parametrize(
    ("text", "losses"),
    [
        ("epoch;loss\n1;0,5\n2;0,25\n", [0.5, 0.25]),
        ("\ufeffepoch\tloss\n1\ttensor(0.5)\n2\t2.5e-1\n", [0.5, 0.25]),
        ("epoch,loss\n1,0.5\n2,0.25\n3", [0.5, 0.25]),
        ("epoch,loss\n1,0.5\nepoch,loss\n2,0.25\n", [0.5, 0.25]),
        ('{"loss": 0.5}\n{"loss": 0.25}\n{"lo', [0.5, 0.25]),
        ('{"loss": [0.5, 0.25], "model": "net"}', [0.5, 0.25]),
        (gzip.compress(b"loss\n0.5\n0.25\n"), [0.5, 0.25]),
    ],
)
def test_other_manners(read, text, losses):
    assert read(text).histories[0]["train_loss"].tolist() == losses


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ("", "empty_file", {}),
        ("epoch,loss\n", "empty_file", {}),
        ("a,b\n1,2\n", "no_curves", {}),
        ("epoch,loss\n1,0.5\n2,abc\n", "not_a_number", {"row": 2, "column": "loss"}),
        ("epoch,loss\n1,2,3\n2,3\n", "bad_metrics", {"row": 1}),
        ('{"loss": 1}\n[]\n{"loss": 1}\n', "bad_metrics", {"row": 2}),
        ('{"loss": 1}\nx\n{"loss": 1}\n', "bad_metrics", {"row": 2}),
        ('{"loss": [1, 2], "val_loss": [1]}', "bad_metrics", {}),
        ("{oops", "bad_metrics", {"line": 1}),
        (b"\xff\xfe\x00x", "cannot_read", {}),
    ],
)
def test_what_cannot_be_read_is_told(read, tmp_path, text, code, where):
    with pytest.raises(InputError) as told:
        read(text)
    assert told.value.code == code and told.value.where == {"file": str(tmp_path / "metrics.csv"), **where}


CELLS = st.one_of(st.none(), st.floats(), st.integers(-5, 5), st.sampled_from(["", "nan", "0.5", "1e3", "x"]))
NAMES = ["epoch", "step", "loss", "val_loss", "acc", "val_acc", "lr", "phase", "member", "note"]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), CELLS), min_size=1, max_size=30))
def test_any_rows_are_read_or_refused(rows):
    try:
        found = metrics_of(rows, "rows")
    except InputError as told:
        assert told.code in ("not_a_number", "no_curves")
        return
    for history in found.histories:
        assert {len(values) for values in history.series.values()} == {len(history)}
        assert np.all(np.diff(history["epoch"]) > 0)
