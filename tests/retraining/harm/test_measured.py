"""Harm with labels: verdicts, intervals of a difference, and what can't be had."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from retemper.core.errors import InputError
from retemper.core.harm_records import Harm, Standing
from retemper.retraining.harm.measured import measured, standings
from retemper.retraining.harm.rows import Rows
from retemper.retraining.harm.verdict import SIGNS, Change, difference

SCHEMA = json.loads((Path(__file__).parents[2] / "contract" / "decision.schema.json").read_text())


def called(count, wrong, **more):
    """Two classes; the model is 80 % sure, and wrong in so many rows."""
    y = np.arange(count) % 2
    right = np.arange(count) >= wrong
    of_one = np.where((y == 1) == right, 0.8, 0.2)
    return Rows.of("classification", np.stack([1 - of_one, of_one], 1), y, **more)


def values(draw, count, scale=1.0, **more):
    return Rows.of("regression", np.zeros(count), scale * draw.normal(size=count), **more)


@pytest.mark.parametrize("metric", SIGNS["classification"])
def test_every_metric_of_classes_says_harm_and_better(metric):
    sound, poor = called(3000, 300), called(3000, 900)
    if metric == "ece":  # 80 % sure: right in 80 % is calibrated, in 70 % is not
        sound = called(3000, 600)
    down, up = measured(metric, sound, poor), measured(metric, poor, sound)
    assert (down.verdict, up.verdict) == ("harm", "better")
    assert down.low < down.now - down.before < down.high
    assert down.now == pytest.approx(up.before)


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_errors_that_grow_are_harm_in_percent_of_what_they_were(metric):
    draw = np.random.default_rng(0)
    found = measured(metric, values(draw, 2000, 100.0), values(draw, 2000, 130.0))
    assert found.verdict == "harm" and found.low > 0 and "loss of" in found.reason
    errors = draw.normal(size=20000)
    before, after = (Rows.of("regression", errors * 0, errors * scale) for scale in (100.0, 100.5))
    assert measured(metric, before, after).verdict == "none"


def test_the_verdict_needs_proof_and_a_point():
    def verdict(change, half):
        return Change("accuracy", 1, 0.9, 0.9 + change, change - half, change + half).verdict()

    assert verdict(-0.02, 0.01) == "harm"
    assert verdict(-0.009, 0.005) == "none"  # proved, but less than a point
    assert verdict(-0.02, 0.025) == "none"  # not proved, and 5 points are ruled out
    assert verdict(-0.02, 0.035) == "cannot tell"
    assert verdict(0.05, 0.02) == "better"
    assert verdict(0.0, np.inf) == "cannot tell"


def test_few_rows_can_not_tell():
    found = measured("accuracy", called(40, 4), called(40, 5))
    assert found.verdict == "cannot tell" and "not ruled out" in found.reason


def test_a_stored_summary_serves_like_its_rows():
    rows, later = called(2000, 200), called(1500, 400)
    stored = {name: Standing.from_json(own.to_json()) for name, own in standings(rows).items()}
    for metric in ("log_loss", "f1_macro"):
        assert measured(metric, stored[metric], later) == measured(metric, rows, later), metric


def test_without_a_past_the_present_is_told():
    found = measured("accuracy", None, called(100, 10))
    assert (found.before, found.now, found.low, found.verdict) == (None, 0.9, None, "cannot tell")
    assert "not kept" in found.reason


def test_a_metric_that_is_not_defined_on_the_new_rows_is_null():
    one_class = called(200, 0).take(np.arange(200) % 2 == 0)
    found = measured("roc_auc", called(200, 20), one_class)
    assert found.now is None and found.before is not None and "roc_auc" in found.reason


def test_intervals_hold_the_difference():
    """120 pairs of samples with skewed errors: the truth of the difference of RMSE is outside of at most 10 %."""
    draw, missed = np.random.default_rng(1), 0
    truth = np.sqrt(2) * (1.5 - 1)  # E e² = 2 scale² of exponential errors
    for _ in range(120):
        stood = [
            standings(Rows.of("regression", np.zeros(n), s * draw.exponential(size=n)))["rmse"]
            for n, s in ((80, 1.0), (60, 1.5))
        ]
        low, high = difference(*stood)
        missed += not low <= truth <= high
    assert missed <= 12


def test_groups_widen_and_weights_count():
    group = np.repeat(np.arange(60), 10)
    wrong = np.isin(group, np.arange(0, 60, 4))
    y = np.arange(600) % 2
    of_one = np.where((y == 1) != wrong, 0.8, 0.2)
    p = np.stack([1 - of_one, of_one], 1)
    alone, together = (
        measured("accuracy", called(2000, 200), Rows.of("classification", p, y, group=own))
        for own in (None, group)
    )
    assert together.high - together.low > 2 * (alone.high - alone.low)
    weighted = measured("accuracy", called(2000, 200), Rows.of("classification", p, y, weight=wrong * 1.0))
    assert weighted.now == 0.0 and weighted.rows_now == wrong.sum()


def test_no_interval_of_the_past_means_none_of_the_change():
    found = measured("rmse", Standing(1.0, None, None, 50), values(np.random.default_rng(0), 500, 2.0))
    assert found.verdict == "cannot tell" and found.to_json()["low"] is None


def test_the_record_is_what_the_contract_asks_for():
    harm = {"type": "object", **SCHEMA["properties"]["harm"]}
    for found in (
        measured("accuracy", called(500, 50), called(500, 90)),
        Harm.unknown("rmse", "None.", True),
    ):
        jsonschema.validate(json.loads(json.dumps(found.to_json(), allow_nan=False)), harm)


def test_mistakes_are_the_users():
    with pytest.raises(InputError, match="roc_auc"):
        measured("roc_auk", None, called(10, 1))
    with pytest.raises(InputError, match="without labels"):
        standings(Rows.of("regression", np.zeros(3)))
    with pytest.raises(InputError, match="finite"):
        Rows.of("regression", np.zeros(2), features=[[np.inf], [0.0]])
    with pytest.raises(InputError, match="spread: 2"):
        Rows.of("regression", np.zeros(3), spread=[1, 2])
