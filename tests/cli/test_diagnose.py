"""``retemper diagnose`` as a person or a script calls it."""

import json

import numpy as np
import pytest

EPOCHS = np.arange(1, 41)
FALLING = 0.1 + 0.5 * np.exp(-EPOCHS / 6)


@pytest.fixture
def metrics(tmp_path):
    """A CSV file of a training that learns its rows by heart."""
    path = tmp_path / "metrics.csv"
    lines = [f"{e},{t},{t + e / 150}" for e, t in zip(EPOCHS, FALLING, strict=True)]
    path.write_text("epoch,train_loss,val_loss\n" + "\n".join(lines) + "\n")
    return path


def test_findings_of_a_metrics_file(retemper, metrics):
    answer = retemper("diagnose", metrics, "--json")
    document = answer.document("findings")
    assert answer.code == 0
    assert {"overfitting", "overtrained"} <= {finding["code"] for finding in document["findings"]}
    assert {"code", "why"} == set(document["not_applicable"][0])


def test_text_for_a_person(retemper, metrics):
    answer = retemper("diagnose", metrics)
    assert "warning: overfitting: The validation loss rose" in answer.out
    assert "try: regularise_more" in answer.out and "not applicable: " in answer.out
    quiet = retemper("diagnose", metrics, "--quiet").out
    assert "overfitting" in quiet and "not applicable" not in quiet and "try:" not in quiet


@pytest.mark.parametrize(("level", "code"), [("advice", 3), ("warning", 3), ("error", 0)])
def test_fail_on(retemper, metrics, level, code):
    assert retemper("diagnose", metrics, "--fail-on", level).code == code
    assert retemper("diagnose", metrics, "--fail-on", level, "--json").code == code


def test_a_wrong_level_and_a_wrong_cell_are_the_users_fault(retemper, metrics):
    assert retemper("diagnose", metrics, "--fail-on", "warnings").code == 2
    metrics.write_text(metrics.read_text().replace("\n3,", "\n3,x"))
    answer = retemper("diagnose", metrics, "--json")
    error = json.loads(answer.out)["error"]
    assert answer.code == 2 and error["code"] == "not_a_number"
    assert error["where"] == {"file": str(metrics), "row": 3, "column": "train_loss"}
    assert retemper("diagnose", metrics.parent / "none.csv").code == 2
    assert retemper("diagnose", metrics.parent).code == 2


def test_a_run(retemper, trained):
    answer = retemper("diagnose", trained, "--json")
    document = answer.document("findings")
    recorded = json.loads((trained / "result.json").read_text())["findings"]
    codes = [finding["code"] for finding in document["findings"]]
    assert answer.code == 0 and {finding["code"] for finding in recorded} <= set(codes)


def test_a_run_without_curves_or_with_damaged_ones(retemper, tmp_path):
    (tmp_path / "history").mkdir()
    answer = retemper("diagnose", tmp_path, "--json")
    assert answer.code == 2 and json.loads(answer.out)["error"]["code"] == "no_curves"
    (tmp_path / "history" / "train_long.jsonl").write_text('{"member": 1, "epoch": 1}\n{"mem\n')
    answer = retemper("diagnose", tmp_path, "--json")
    assert answer.code == 2 and json.loads(answer.out)["error"]["code"] == "damaged_run"
