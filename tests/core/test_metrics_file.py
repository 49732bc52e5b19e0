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


def test_steps_are_read_three_at_a_time_and_epochs_one_by_one(read):
    values = [f"{10 * n},{1 + n % 3}" for n in range(60)]
    (history,) = read("step,loss\n" + "\n".join(values)).histories
    assert history["train_loss"] == pytest.approx(np.full(20, 2.0))
    assert len(read("epoch,loss\n" + "\n".join(values)).histories[0]) == 60
    validated = [f"{value},0.5" for value in values]
    assert len(read("step,loss,val_loss\n" + "\n".join(validated)).histories[0]) == 60
    assert len(read("loss\n" + "0.5\n" * 60).histories[0]) == 60


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
        ("a\n3\n", "no_curves", {}),
        ("{oops", "bad_metrics", {"line": 1}),
        (b"\xff\xfe\x00", "cannot_read", {}),
        (b"loss\n\xe9\n", "cannot_read", {}),
    ],
)
def test_what_cannot_be_read_is_told(read, tmp_path, text, code, where):
    with pytest.raises(InputError) as told:
        read(text)
    assert told.value.code == code and told.value.where == {"file": str(tmp_path / "metrics.csv"), **where}


LOSSES, VALIDATED = [0.9, 0.7, 0.6, 0.5], [0.8, 0.75]
"""Every epoch, and every other one."""
ROWS = [{"loss": 0.9}, {"loss": 0.7, "val_loss": 0.8}, {"loss": 0.6}, {"loss": 0.5, "val_loss": 0.75}]


@pytest.mark.parametrize(
    "document",
    [
        {"train_loss": LOSSES, "val_loss": VALIDATED, "hidden": [64, 64]},
        {"train": {"loss": LOSSES}, "val": {"loss": VALIDATED}},
        {name: {str(at): row.get(name) for at, row in enumerate(ROWS)} for name in ("loss", "val_loss")},
        {str(at): row for at, row in enumerate(ROWS)},
        [{"key": name, "value": row[name], "step": at} for at, row in enumerate(ROWS) for name in row],
        [
            {"step": at, "train": {"loss": row["loss"]}, "val": {"loss": row.get("val_loss")}}
            for at, row in enumerate(ROWS)
        ],
    ],
)
def test_layouts_of_json(read, document):
    (history,) = read(json.dumps(document), "metrics.json").histories
    assert history["train_loss"].tolist() == LOSSES
    known = np.isfinite(history["val_loss"])
    assert history["val_loss"][known].tolist() == VALIDATED
    assert known.tolist() == [False, True, False, True]


@pytest.mark.parametrize(
    "text",
    [
        "# run 3\n# rate 1e-3\nepoch,loss\n1/2,0.5\n2/2,0.25\n",
        "# epoch,loss\n1,0.5\n2,0.25\n",
        "epoch  loss\n1      0.5\n2      0.25\n",
        "epoch,loss\n1,0.5\n2,0.25\n".encode("utf-16"),
        '"Step","deep - loss","deep - loss__MIN"\n1,0.5,0.4\n2,0.25,0.1\n',
    ],
)
def test_manners_of_tables(read, text):
    assert read(text).histories[0]["train_loss"].tolist() == [0.5, 0.25]


def test_runs_side_by_side_are_told_apart(read):
    found = read("Step,big - loss,small - loss\n1,0.5,0.7\n2,0.25,0.6\n").histories
    assert [history["train_loss"].tolist() for history in found] == [[0.5, 0.25], [0.7, 0.6]]


def test_parts_of_a_loss_are_added_up_where_there_is_no_whole(read):
    head = "epoch,train/box_loss,train/cls_loss,val/box_loss,val/cls_loss\n"
    found = read(head + "1,1,2,3,4\n2,1,1,2,2\n")
    assert found.histories[0]["val_loss"].tolist() == [7, 4]
    assert found.columns["train_loss"] == "total train/loss"
    with pytest.raises(InputError):
        read("epoch,g_loss,d_loss\n1,1,2\n")
    whole = read(head.replace("cls_loss", "loss") + "1,1,2,3,4\n").histories[0]
    assert whole["val_loss"].tolist() == [4]


def test_a_perplexity_stands_for_its_logarithm(read):
    (history,) = read("epoch,train_ppl,val_ppl\n1,20,30\n2,10,20\n").histories
    assert history["val_loss"] == pytest.approx(np.log([30, 20]))


def test_an_accuracy_of_no_named_rows_beside_both_losses_is_of_validation_rows(read):
    fastai = read("epoch,train_loss,valid_loss,accuracy\n0,.5,.6,.7\n").histories[0]
    assert fastai["val_accuracy"].tolist() == [0.7] and "train_accuracy" not in fastai.series
    keras = read("epoch,loss,val_loss,accuracy\n0,.5,.6,.7\n").histories[0]
    assert keras["train_accuracy"].tolist() == [0.7]


@pytest.mark.parametrize(
    ("val", "read_as"),
    [
        ("nan .6 nan .5 nan", [None, 0.6, None, 0.5, None]),  # measured every other epoch
        (".7 .6 nan nan nan", [0.7, 0.6, math.inf, math.inf, math.inf]),  # broke down
        (".7 nan .6 nan nan", [0.7, None, 0.6, math.inf, math.inf]),
    ],
)
def test_nan_is_a_gap_where_numbers_follow_and_a_broken_training_at_its_end(read, val, read_as):
    rows = [f"{e},{1 / e},{cell}" for e, cell in enumerate(val.split(), 1)]
    (history,) = read("epoch,loss,val_loss\n" + "\n".join(rows)).histories
    assert [None if math.isnan(v) else v for v in history["val_loss"]] == read_as


def test_a_column_of_nan_beside_a_sound_training_was_not_measured(read):
    (history,) = read("epoch,loss,val_loss\n1,.7,nan\n2,.6,nan\n").histories
    assert "val_loss" not in history.series
    (broken,) = read("epoch,loss,val_loss\n1,nan,nan\n2,nan,nan\n").histories
    assert np.isinf(broken["train_loss"]).all()


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
