"""The gate: what it promotes, what it keeps, and what it says."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from retemper.core.errors import InputError
from retemper.core.seeds import generator
from retemper.evaluation.paired_metrics import PairedRows
from retemper.retraining.gate import gate
from retemper.retraining.gate_options import GateOptions
from retemper.retraining.gate_tests import cost_test, not_worse, slice_tests

SCHEMA = json.loads((Path(__file__).parents[1] / "contract" / "decision.schema.json").read_text())


def classes(gained, lost, rows, sure=(0.8, 0.8), group=None, weight=None):
    """Two classifiers, 80 % right, that disagree on ``gained`` + ``lost`` rows; their confidence in what they call."""
    kind = np.repeat([0, 1, 2, 3], [gained, lost, int(0.8 * rows) - gained, rows - lost - int(0.8 * rows)])
    y = np.arange(rows) % 2
    outputs = []
    for right, p in zip(((kind == 1) | (kind == 2), (kind == 0) | (kind == 2)), sure, strict=True):
        of_one = np.where((y == 1) == right, p, 1 - p)
        outputs.append(np.stack([1 - of_one, of_one], 1))
    return PairedRows.of("classification", y, *outputs, group=group, weight=weight)


def by_name(found):
    return {test.name: test for test in found.tests}


def test_a_gain_with_nothing_against_it_is_promoted():
    found = gate(classes(130, 70, 2000), classes(400, 400, 8000))
    assert found.verdict == "promote" and found.promoted
    assert all(test.passed for test in found.tests)
    assert "nothing stands against it" in found.reason
    tests = by_name(found)
    assert tests["accuracy_on_new"].difference == pytest.approx(0.03)
    assert tests["not_worse_on_old"].rule == "no_harm" and tests["accuracy_on_old"].rule == "not_worse"


def test_the_record_is_what_decision_json_wants():
    for old in (None, classes(5, 9, 100)):
        plain = gate(classes(130, 70, 2000), old).to_json()
        jsonschema.validate(json.loads(json.dumps(plain)), SCHEMA["properties"]["gate"])


@pytest.mark.parametrize(("metric", "tests"), [("accuracy", 4), ("log_loss", 5), ("roc_auc", 5), (None, 5)])
def test_equal_models_are_kept_whatever_metric_decides(metric, tests):
    found = gate(classes(100, 100, 2000), classes(100, 100, 2000), options=GateOptions(metric=metric))
    assert found.verdict == "keep" and "No gain is proved" in found.reason
    assert len(found.tests) == tests
    assert by_name(found)["better_on_new"].metric == (metric or "log_loss")


def test_the_same_model_twice_is_kept_and_fails_nothing_else():
    found = gate(classes(0, 0, 2000), classes(0, 0, 8000))
    assert [test.name for test in found.tests if not test.passed] == ["better_on_new"]


def test_a_loss_on_old_rows_keeps_the_champion_and_is_named():
    new, old = classes(130, 70, 2000), classes(300, 460, 8000)
    found = gate(new, old)
    assert found.verdict == "keep"
    assert "accuracy_on_old" in found.reason and "costs too much elsewhere" in found.reason
    drifted = gate(new, old, concept_drift=True)
    assert drifted.verdict == "promote" and "concept drift excuses" in drifted.reason
    failed = [test for test in drifted.tests if not test.passed]
    assert failed and not any(test.blocks for test in failed)
    assert gate(new, old, concept_drift=True, options=GateOptions(strict=True)).verdict == "keep"


def test_concept_drift_excuses_old_rows_alone():
    slices = {"hurt": np.arange(2000) >= 1000}
    new = classes(200, 0, 2000)
    hurt = PairedRows.of("classification", new.y, *(o[::s] for o, s in zip(new.outputs, (1, 1), strict=True)))
    worse = PairedRows.of("classification", 1 - hurt.y, *hurt.outputs)
    joined = np.where(slices["hurt"][:, None], worse.outputs[0], hurt.outputs[0])
    second = np.where(slices["hurt"][:, None], 1 - worse.outputs[1], hurt.outputs[1])
    found = gate(PairedRows.of("classification", new.y, joined, second), slices=slices, concept_drift=True)
    assert not by_name(found)["slice: hurt"].passed and found.verdict == "keep"


def test_few_old_rows_block_on_proved_harm_alone_and_say_what_they_could_not_see():
    new = classes(130, 70, 2000)
    slight, grave = gate(new, classes(4, 8, 100)), gate(new, classes(0, 12, 100))
    assert slight.verdict == "promote" and "100 old rows would mostly show a loss of" in slight.reason
    assert by_name(slight)["accuracy_on_old"].could_see > 0.05
    assert grave.verdict == "keep" and "accuracy_on_old" in grave.reason
    assert "forgetting was not looked at" in gate(new).reason


def test_the_margin_is_ruled_out_at_the_level_asked_for():
    old = classes(300, 340, 8000)  # half a point worse, and a fall of a point is not ruled out
    assert not not_worse("old", "accuracy", old, 1.0, 0.025).passed
    assert not_worse("old", "accuracy", old, 2.0, 0.025).passed
    assert not_worse("old", "accuracy", old, 1.0, 0.1).passed
    few = classes(100, 105, 2000)
    assert [not_worse("old", "accuracy", few, 1.0, 0.025, power).rule for power in (0.8, 0.2)] == [
        "no_harm",
        "not_worse",
    ]


def test_where_log_loss_decides_accuracy_alone_is_no_reason_but_is_told():
    found = gate(classes(130, 70, 2000, sure=(0.8, 0.97)))
    tests = by_name(found)
    assert found.verdict == "keep" and tests["accuracy_on_new"].low > 0
    assert "accuracy gains 0.03" in found.reason and "log_loss decides" in found.reason
    assert not tests["calibration"].passed


def test_where_accuracy_decides_a_worse_log_loss_blocks():
    found = gate(classes(130, 70, 2000, sure=(0.8, 0.97)), options=GateOptions(metric="accuracy"))
    assert by_name(found)["better_on_new"].passed and found.verdict == "keep"
    assert "log_loss_on_new" in found.reason


def test_one_harmed_slice_blocks_and_many_harmless_ones_do_not():
    random = generator(0, "slices")
    error = random.normal(size=4000)
    second = np.where(np.arange(4000) < 200, 1.6, 0.7) * error
    rows = PairedRows.of("regression", error * 0, error, second)
    parts = {f"part {k}": np.arange(4000) // 200 == k for k in range(20)}
    found = gate(rows, slices=parts)
    assert found.verdict == "keep"
    assert [test.name for test in found.tests if not test.passed] == ["slice: part 0"]
    blocked = 0
    for k in range(200):
        shared, first, second = generator(k, "equal slices").normal(size=(3, 4000))
        tests, _ = slice_tests(
            "rmse", PairedRows.of("regression", shared * 0, shared + first, shared + second), parts, 0.025
        )
        blocked += any(not test.passed for test in tests)
    assert blocked <= 12, "2.5 % of 200, for all slices together"


def test_slices_without_rows_or_of_another_shape():
    rows = classes(20, 10, 100)
    found = gate(rows, slices={"nobody": np.zeros(100, dtype=bool)})
    assert found.not_tested["slice: nobody"] == "there are no rows"
    with pytest.raises(InputError, match="true or false"):
        gate(rows, slices={"short": np.ones(5, dtype=bool)})


def test_costs_beyond_their_limit_block():
    new, random = classes(130, 70, 2000), generator(0, "times")
    times = random.lognormal(0, 0.3, size=(2, 101))
    assert gate(new, cost=(times[0], times[1])).verdict == "promote"
    slow = gate(new, cost=(times[0], 8 * times[1]))
    assert slow.verdict == "keep" and "times the champion's" in slow.reason
    assert gate(new, cost=([100.0], [501.0])).verdict == "keep"
    with pytest.raises(InputError, match="above 0"):
        cost_test([1.0], [0.0], 5.0)


def test_the_interval_of_a_cost_ratio_holds_the_median():
    hits = 0
    for k in range(300):
        first, second = generator(k, "times").lognormal(0, 0.5, size=(2, 25))
        test = cost_test(first, 2 * second, 5.0)
        hits += 1 - test.high <= 2 <= 1 - test.low
    assert 277 <= hits <= 299


def test_a_metric_that_is_not_defined_keeps_the_champion():
    rows = classes(50, 10, 200)
    one_class = rows.take(rows.y == 1)
    found = gate(one_class, options=GateOptions(metric="roc_auc"))
    assert found.verdict == "keep" and "ROC area" in found.reason
    with pytest.raises(InputError, match="known: mae, rmse"):
        gate(
            PairedRows.of("regression", [1.0, 2.0], [1.0, 1.0], [2.0, 2.0]),
            options=GateOptions(metric="log_loss"),
        )


def test_options_are_checked_all_at_once():
    with pytest.raises(InputError) as caught:
        GateOptions.checked({"marginpoints": 1, "alpha": 2})
    assert "did you mean margin_points?" in caught.value.message and "alpha" in caught.value.message


def test_challengers_of_no_gain_are_seldom_promoted():
    promoted = 0
    for k in range(400):
        random = generator(k, "no gain")
        gained = random.binomial(200, 0.5)
        promoted += gate(classes(gained, 200 - gained, 2000), classes(50, 50, 2000)).promoted
    assert promoted <= 18, "2.5 % of 400, and its chance"


def test_real_gains_are_mostly_promoted():
    promoted = 0
    for k in range(200):
        gained = generator(k, "gain").binomial(200, 0.65)
        promoted += gate(classes(gained, 200 - gained, 2000), classes(520, 280, 8000)).promoted
    assert promoted >= 190, "3 points: 97 % of 200, and its chance"


def test_old_rows_of_the_same_world_help_to_prove_a_gain_and_are_told():
    new, like = classes(30, 18, 400), classes(130, 70, 2000)
    alone, found = gate(new), gate(new, like=like)
    assert alone.verdict == "keep" and found.verdict == "promote"
    tests = by_name(found)
    first, by_itself = tests["better_on_new"], tests["likely_on_new_alone"]
    assert (first.rows, first.old_rows) == (2000, 1600) and by_name(alone)["better_on_new"].old_rows == 0
    assert (by_itself.rows, by_itself.rule, by_itself.passed) == (400, "gain", True)
    assert "400 new rows and 1600 old ones of the same world" in found.reason
    assert found.to_json()["tests"][0]["old_rows"] == 1600


def test_whatever_old_rows_say_the_new_ones_must_make_the_gain_likely():
    new, like = classes(20, 20, 400), classes(300, 100, 2000)
    found = gate(new, like=like)
    assert found.verdict == "keep" and by_name(found)["better_on_new"].passed
    assert not by_name(found)["likely_on_new_alone"].passed
    assert "likely_on_new_alone" in found.reason and "400 new rows by themselves" in found.reason


def test_a_metric_that_new_rows_can_not_tell_is_not_borrowed_from_old_ones():
    whole = classes(130, 70, 2000)
    of_one_class = whole.take(whole.y == 1)
    found = gate(of_one_class, like=whole, options=GateOptions(metric="roc_auc"))
    assert found.verdict == "keep" and "better_on_new" in found.not_tested


@pytest.mark.parametrize("gain", [0, 160])
def test_of_challengers_that_gain_on_old_rows_alone_a_fifth_is_promoted_at_most(gain):
    promoted = 0
    for seed in range(200):
        draw = generator(seed, "likely")
        error = draw.normal(size=(2, 800))
        error[1, 200:] *= 1 - gain / 800
        new, like = (
            PairedRows.of("regression", 0 * error[0][:most], error[0][:most], error[1][:most])
            for most in (200, 800)
        )
        promoted += gate(new, like=like).promoted
    assert promoted <= (0.2 + 3 * (0.2 * 0.8 / 200) ** 0.5) * 200 if gain else promoted <= 0.06 * 200
