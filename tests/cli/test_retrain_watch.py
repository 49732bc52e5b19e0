"""``retrain NAME --watch FOLDER``: real retrainings, one after another, and what the command says of them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from retemper import NetRegressor, load
from retemper.api import watch_folder
from retemper.api.registry import registry
from retemper.core import device
from retemper.core.errors import InputError
from retemper.retraining.registry.reference import Reference
from retemper.retraining.watch import arrivals

TARGET = "__target__"  # as an estimator calls it
QUICK = ("--strategy", "fine_tune", "--set", "workers=1", "--set", "folds=2", "--old", "old.csv")


def rows(seed: int, sign: float = 1.0, count: int = 160) -> pl.DataFrame:
    """target = sign · 2a + noise."""
    draw = np.random.default_rng(seed)
    a, b = draw.normal(size=(2, count))
    return pl.DataFrame(
        {
            "row": [f"{seed}-{k}" for k in range(count)],
            "a": a,
            "b": b,
            TARGET: 2 * sign * a + draw.normal(size=count) / 5,
        }
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a model of ``rows``."""
    device.one_thread()
    frame = rows(0, count=400)
    network = NetRegressor(hidden_units=8, learning_rate=0.05, epochs=20, random_state=0)
    fitted = network.fit(frame.select("a", "b").to_pandas(), frame[TARGET].to_numpy())
    return fitted.model_.save(tmp_path_factory.mktemp("model"))


@pytest.fixture
def place(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a registry that holds ``flow``, old rows, and ``new/`` with may, june and a bad file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RETEMPER_REGISTRY", raising=False)
    monkeypatch.setattr(arrivals, "PAUSE_S", 0.0)
    registry().add("flow", model)
    (tmp_path / "new").mkdir()
    rows(1).drop("row").write_csv("old.csv")
    rows(2).drop("row", TARGET).write_csv("new/2-may.csv")
    rows(3, sign=-1).drop("row").write_csv("new/10-june.csv")
    (tmp_path / "new" / "11-july.csv").write_text("a,b\n1,2,3\n")
    return tmp_path


def test_each_file_is_one_retraining_and_the_name_s_model_in_force_changes(retemper, place: Path) -> None:
    watch = ("retrain", "flow", "--watch", "new", *QUICK, "--json")
    answer = retemper(*watch)
    assert answer.code == 2  # july is damaged, and the others went on
    found = answer.document("decision")
    assert found["pass"]["batches"] == ["0001-2-may.csv", "0002-10-june.csv"]
    assert list(found["pass"]["failed"]) == ["11-july.csv"] and found["promoted"]
    assert (found["champion"], found["challenger"], found["batch"]) == ("flow@1", "flow@2", "10-june.csv")
    assert registry().life("flow").in_force == 2
    (run,) = (place / "runs").iterdir()
    assert json.loads((run / "batches/0001-2-may.csv/decision.json").read_text())["candidates"] == []
    frame = rows(9).drop("row", TARGET)
    in_force = registry().fetch(Reference("flow"))
    np.testing.assert_array_equal(load(run).predict(frame), load(in_force).predict(frame))
    page = (run / "report.html").read_text()
    assert "2-may.csv" in page and "10-june.csv" in page and "flow@2" in page
    levels = [
        json.loads(path.read_text())["drift"]["alpha"] for path in sorted(run.glob("batches/*/decision.json"))
    ]
    assert levels[0] == pytest.approx(0.05 * 12 / (12 * 13)) and sum(levels) < 0.05
    again = retemper(*watch)  # as cron does
    assert again.code == 0
    assert again.document("decision")["pass"]["batches"] == [] and registry().life("flow").numbers == (1, 2)
    shown = retemper("retrain", "flow", "--watch", "new", *QUICK)
    assert shown.code == 0 and "11-july.csv: failed before" in shown.out


def test_labels_follow_under_the_key_and_a_plain_model_s_run_is_the_model(
    retemper, place: Path, model: Path
) -> None:
    for path in (place / "new").iterdir():
        path.unlink()
    rows(3, sign=-1).drop(TARGET).write_csv("new/1.csv")
    watch = ("retrain", model, "--watch", "new", "--out", "run", "--key", "row", *QUICK)
    assert "kept" in retemper(*watch).out
    rows(3, sign=-1).select("row", TARGET).write_csv("new/2-labels.csv")
    rows(4, sign=-1).select("row", TARGET).write_csv("new/3-labels.csv")
    answer = retemper(*watch)
    assert answer.code == 0 and "2-labels.csv" in answer.out and "promoted" in answer.out
    assert "3-labels.csv: labels whose rows have not come yet." in answer.out
    decision = json.loads((place / "run/decision.json").read_text())
    assert decision["stream"]["joined"] == ["1.csv"] and decision["rows"]["labelled"] == 160
    truth = rows(5, sign=-1)
    errors = [
        float(
            np.sqrt(np.mean((load(own).predict(truth.drop("row", TARGET)) - truth[TARGET].to_numpy()) ** 2))
        )
        for own in (model, "run")
    ]
    assert errors[1] < 0.7 * errors[0]
    other = retemper("retrain", "flow", "--watch", "new", "--out", "run")
    assert other.code == 2 and "began with another model" in other.err


def test_if_drifted_trains_nothing_where_nothing_has_changed(retemper, place: Path) -> None:
    for path in (place / "new").iterdir():
        path.unlink()
    rows(6).drop("row").write_csv("new/1.csv")
    found = retemper("retrain", "flow", "--watch", "new", "--if-drifted", *QUICK, "--json").document(
        "decision"
    )
    assert found["candidates"] == [] and not found["promoted"] and found["pass"]["batches"] == ["0001-1.csv"]


def test_a_damaged_model_is_no_file_s_fault(retemper, place: Path) -> None:
    assert retemper("retrain", "flow", "--watch", "new", *QUICK, "--if-drifted", "--out", "run").code == 2
    rows(7).drop("row").write_csv("new/12.csv")
    link = place / "run" / "model" / "weights.safetensors"
    whole = link.read_bytes()
    link.write_bytes(b"half")
    answer = retemper("retrain", "flow", "--watch", "new", *QUICK, "--out", "run", "--json")
    assert answer.document("error")["error"]["code"] == "damaged_bundle"
    link.write_bytes(whole)
    found = retemper("retrain", "flow", "--watch", "new", *QUICK, "--out", "run", "--json").document(
        "decision"
    )
    assert found["pass"]["batches"] == ["0003-12.csv"]


def test_a_strategy_that_is_none_is_no_file_s_fault(retemper, place: Path) -> None:
    answer = retemper(
        "retrain", "flow", "--watch", "new", "--strategy", "finetune", "--old", "old.csv", "--json"
    )
    assert answer.document("error")["error"]["code"] == "unknown_strategy"
    found = retemper("retrain", "flow", "--watch", "new", "--if-drifted", *QUICK, "--json").document(
        "decision"
    )
    assert len(found["pass"]["batches"]) == 2


def test_every_looks_again_until_it_is_stopped(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (place / "new").iterdir():
        path.unlink()
    seen, pauses = [], []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(watch_folder, "time", type("Clock", (), {"sleep": staticmethod(sleep)}))
    with pytest.raises(KeyboardInterrupt):
        watch_folder.retrain_folder("flow", "new", every="2m", told=seen.append, strategy="nothing")
    assert pauses == [120.0] * 3 and len(seen) == 3 and not seen[0].tally.batches
    assert time.sleep is not sleep


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("flow", "--watch", "nowhere"), "no_such_file"),
        (("flow", "--watch", "new", "--old", "nowhere.csv"), "no_such_file"),
        (("flow", "new/10-june.csv", "--watch", "new"), "bad_option"),
        (("flow", "new/10-june.csv", "--every", "60s"), "bad_option"),
        (("flow", "new/10-june.csv", "--key", "row"), "bad_option"),
        (("flow", "--watch", "new", "--every", "60s"), "bad_option"),
        (("flow", "--watch", "new", "--set", "alpha=2"), "bad_retrain_option"),
        (("flow@1", "--watch", "new"), "bad_model"),
        (("stranger", "--watch", "new"), "no_model"),
        (("flow",), "missing_argument"),
    ],
)
def test_mistakes_are_told_before_anything_begins(
    retemper, place: Path, words: tuple[str, ...], code: str
) -> None:
    answer = retemper("retrain", *words, "--json")
    assert answer.code == 2 and answer.document("error")["error"]["code"] == code
    assert not (place / "runs").exists()


def test_a_time_between_looks_that_is_none_is_refused(place: Path) -> None:
    with pytest.raises(InputError) as caught:
        watch_folder.retrain_folder("flow", "new", every="soon")
    assert caught.value.where == {"option": "every"}
