"""``retemper.diagnose`` on metrics in memory and on files."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest

import retemper

EPOCHS = np.arange(1.0, 41.0)
FALLING = 0.1 + 0.5 * np.exp(-EPOCHS / 6)


def rows(**series):
    return [dict(zip(series, map(float, row), strict=True)) for row in zip(*series.values(), strict=True)]


OVERFIT = rows(epoch=EPOCHS, loss=FALLING, val_loss=FALLING + EPOCHS / 150)
HEALTHY = rows(epoch=EPOCHS, loss=FALLING, val_loss=FALLING * 1.05, lr=1e-3 * (1 - (EPOCHS - 1) / 40))


def codes(source):
    return [finding.code for finding in retemper.diagnose(source).findings]


def test_all_manners_of_handing_over_say_the_same():
    columns = {name: [row[name] for row in OVERFIT] for name in OVERFIT[0]}
    fitted, state = SimpleNamespace(history=columns), SimpleNamespace(log_history=OVERFIT)
    said = codes(OVERFIT)
    assert set(said) >= {"overfitting", "overtrained"}
    for source in (fitted, columns, state, pd.DataFrame(OVERFIT), pl.DataFrame(OVERFIT)):
        assert codes(source) == said


def test_gaps_of_a_pandas_frame_are_gaps():
    frame = pd.DataFrame(HEALTHY)
    frame.loc[1::2, "val_loss"] = np.nan
    assert "non_finite" not in codes(frame)


def test_healthy_curves_have_no_findings_and_what_needs_more_is_not_applicable():
    found = retemper.diagnose(HEALTHY)
    assert found.findings == []
    assert {"dead_units", "wrong_loss"} <= {code for code, _ in found.not_applicable}
    assert found.columns["train_loss"] == "loss"


def test_an_error_rate_is_called_so():
    wrong = np.maximum(0.9 - EPOCHS / 80, 0.2)
    found = retemper.diagnose(rows(epoch=EPOCHS, accuracy=1 - wrong, val_accuracy=1 - wrong * 1.02))
    messages = " ".join(finding.message for finding in found.findings)
    assert "error rate" in messages and "loss" not in messages


def test_what_is_no_table_of_metrics_is_refused():
    with pytest.raises(retemper.InputError, match="rows or columns"):
        retemper.diagnose(3)


def test_a_strong_rise_is_called_overtrained_first_and_a_slight_one_overfitting():
    strong = rows(epoch=EPOCHS, loss=FALLING, val_loss=FALLING + EPOCHS / 100)
    assert codes(strong)[:2] == ["overtrained", "overfitting"]
    slight = rows(epoch=EPOCHS, loss=FALLING - 0.09, val_loss=np.maximum(FALLING, 0.4) + EPOCHS / 1500)
    assert codes(slight)[0] == "overfitting"


def test_what_a_slow_start_lost_is_missing_at_the_end():
    late = 0.05 + 0.65 / (1 + np.exp((EPOCHS - 24) / 5))
    assert codes(rows(epoch=EPOCHS, loss=late, val_loss=late))[:2] == ["slow_start", "still_improving"]


def test_a_breakdown_comes_before_what_was_seen_on_the_way():
    swings = FALLING + 0.2 * (-1.0) ** EPOCHS
    broken = np.where(EPOCHS < 38, swings, np.inf)
    assert codes(rows(epoch=EPOCHS, loss=broken, val_loss=broken))[:1] == ["non_finite"]


def test_findings_come_in_the_order_of_the_training():
    late = 0.05 + 0.65 / (1 + np.exp((EPOCHS - 12) / 1.5))
    assert codes(rows(epoch=EPOCHS, loss=late, val_loss=late + 0.02 * np.maximum(EPOCHS - 20, 0)))[:2] == [
        "slow_start",
        "overtrained",
    ]


def test_single_batches_that_jump_are_no_oscillation():
    steps = np.arange(1.0, 401)
    jumps = np.exp(0.4 * np.random.default_rng(0).standard_normal(400))
    log = rows(step=steps, loss=(0.4 + np.exp(-steps / 60)) * jumps)
    found = retemper.diagnose(log)
    assert "oscillating" not in [each.code for each in found.findings]
    assert "single batches" in dict(found.not_applicable)["oscillating"]
    assert "oscillating" in codes([{"epoch": row["step"], "loss": row["loss"]} for row in log[:40]])
