"""Decisions from made-up networks: what is chosen, what is refused, what the proof says."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.core.recipe_sections import DecisionOptions
from retemper.data.read import read
from retemper.data.schema import infer
from retemper.procedure import decide, goal
from retemper.procedure.contenders import Bag
from retemper.procedure.decision_proof import proof as proof_of
from retemper.procedure.test_rows import Answers


def answers(y, outputs, ends=None):
    """Rows of weight 1, as the model answered them."""
    return Answers(y, np.ones(len(y), dtype=np.float32), None, outputs, ends, {})


@pytest.fixture(scope="module")
def rare(bench, tables, candidate):
    """Class "yes" in 3 of 20 rows, a calibrated network; 300 validation rows."""

    def target(x, draw):
        return np.where(draw.random(len(x)) < 1 / (1 + np.exp(3 - 2 * x[:, 0])), "yes", "no")

    own, state = bench(tables.numbers_only(2000, 0, target), "y")
    x = state.table.frame[state.splits.validation]["a"].to_numpy()
    p = 1 / (1 + np.exp(3 - 2 * x))
    network = candidate(state, 1, np.stack([1 - p, p], 1))
    return own, state.with_(chosen=((Bag((network,), network.outputs, 0.5), 1.0),))


def with_options(state, **options):
    return state.with_(recipe=state.recipe.with_changes({f"decision.{k}": v for k, v in options.items()}))


def test_argmax_stays_without_a_goal(rare):
    own, state = rare
    decision, message, evidence = decide.run(own.book, state)
    assert decision.threshold is None and decision.sets is not None and not message and not evidence


@pytest.mark.parametrize("positive", [None, "yes", True])
def test_the_rarer_class_gets_its_threshold(rare, positive):
    own, state = rare
    state = with_options(state, metric="f1", **({} if positive is None else {"positive": positive}))
    decision, message, evidence = decide.run(own.book, state)
    assert decision.threshold.positive == 1 and 0.15 < decision.threshold.value < 0.5
    assert evidence["threshold"]["positive"] == "yes"
    assert (
        evidence["threshold"]["gain_low"] < evidence["threshold"]["gain"] < evidence["threshold"]["gain_high"]
    )
    assert message.startswith("'yes' is predicted from a probability of 0.")


def test_costs_move_the_threshold_of_the_named_class(rare):
    own, state = rare
    state = with_options(state, positive="no", cost_false_positive=9.0)
    decision, _, _ = decide.run(own.book, state)
    assert decision.threshold.positive == 0 and decision.threshold.value == pytest.approx(0.9, abs=0.06)


def test_a_precision_out_of_reach_is_said(rare):
    own, state = rare
    noise = np.random.default_rng(1).random(len(state.splits.validation))
    blind = replace(state.chosen[0][0], outputs=np.stack([1 - noise, noise], 1))
    state = with_options(state, metric="recall_at_precision", precision=0.9).with_(chosen=((blind, 1.0),))
    decision, message, evidence = decide.run(own.book, state)
    assert decision.threshold is None and "No threshold" in message and evidence["threshold"]["value"] is None


def test_the_proof_counts_what_the_decision_brings(rare):
    own, state = rare
    state = with_options(state, cost_false_negative=5.0)
    decision, _, _ = decide.run(own.book, state)
    y, p = state.ready[2].validation.y, state.chosen[0][0].outputs.astype(float)
    model = SimpleNamespace(decision=decision, classes=state.ready[1].classes)
    proof = proof_of(state, model, answers(y, p))
    assert proof["interval"]["coverage"].value >= 0.9 and 1 <= proof["interval"]["size"] <= 2
    assert proof["threshold"]["chosen"]["cost"] < proof["threshold"]["argmax"]["cost"]
    assert proof["threshold"]["chosen"]["recall"] > proof["threshold"]["argmax"]["recall"]
    assert (
        proof["precision_recall"]["yes"]["average_precision"].value
        > proof["precision_recall"]["yes"]["share"]
    )


def test_a_regression_gets_intervals(bench, tables, candidate):
    frame = tables.numbers_only(
        2000, 0, lambda x, draw: 50 + 10 * x[:, 0] + np.exp(x[:, 1]) * draw.normal(size=len(x))
    )
    own, state = bench(frame, "y")
    _, target, _ = state.ready
    x = state.table.frame[state.splits.validation]["a"].to_numpy()
    networks = [candidate(state, k, target.scale(50 + (10 + 0.1 * k) * x)) for k in range(2)]
    state = state.with_(chosen=tuple((Bag((n,), n.outputs, 0.5), 0.5) for n in networks))
    decision, message, evidence = decide.run(own.book, state)
    tried = evidence["interval"]["tried"]
    assert decision.intervals.difficulty.kind == "boosted" and "boosted" in message
    assert tried["boosted"]["width"] < 0.95 * tried["constant"]["width"]
    hurried, _, _ = decide.run(own.limited(10, used=9.9).book, state)
    assert hurried.intervals.difficulty.kind != "boosted" or len(x) * 6 * decide.SECONDS_A_CELL <= 0.6
    replayed, _, told = decide.run(own.replaying({"decide.boosted": False}).book, state)
    assert "boosted" not in told["interval"]["tried"] and replayed != decision
    ends = np.stack([50 + 10 * x - 3, 50 + 10 * x + 3], 1)
    y = state.table.frame[state.splits.validation]["y"].to_numpy()
    model = SimpleNamespace(decision=decision)
    proof = proof_of(state, model, answers(y, x, ends))["interval"]
    assert proof["width"] == pytest.approx(6) and proof["wanted"] == 0.9
    assert proof["coverage"].value == np.mean(np.abs(y - 50 - 10 * x) <= 3)


def test_weights_are_proposed_where_a_goal_and_a_rare_class_are(rare):
    _, state = rare
    assert goal.imbalance_treatments(state) == []
    state = with_options(state, metric="f1")
    balanced, root, drawn = goal.imbalance_treatments(state)
    share = np.array(state.ready[1].prior)
    assert balanced.changes == {"training.loss.class_weights": "balanced"}
    weights = np.array(list(root.changes["training.loss.class_weights"].values()))
    assert share @ weights == pytest.approx(1, abs=1e-3)
    assert weights[1] / weights[0] == pytest.approx((share[0] / share[1]) ** 0.5, rel=1e-3)
    assert drawn.changes == {"training.loss.resampling": "sqrt"}
    for proposal in (balanced, root, drawn):
        weighted = state.with_(recipe=state.recipe.with_changes(proposal.changes))
        assert goal.imbalance_treatments(weighted) == []


def test_goal_gain_tells_a_better_ranking_from_a_shift(rare):
    _, state = rare
    state = with_options(state, metric="f1")
    p = state.chosen[0][0].outputs.astype(float)
    shifted = p[:, 1] * 3 / (1 + 2 * p[:, 1])
    gain, low, high = goal.goal_gain(state, p, np.stack([1 - shifted, shifted], 1))
    assert gain == pytest.approx(0, abs=1e-9) and low <= 0 <= high
    noise = np.random.default_rng(0).random(len(p))
    gain, low, high = goal.goal_gain(state, np.stack([1 - noise, noise], 1), p)
    assert low > 0


@pytest.mark.parametrize(
    ("table", "options", "code"),
    [
        ("three_classes", {"metric": "f1"}, "not_binary"),
        ("three_classes", {"positive": "band 0"}, "not_binary"),
        ("prices", {"cost_false_positive": 2.0}, "not_binary"),
        ("two_classes", {"positive": "yess"}, "unknown_class"),
        ("two_classes", {"positive": 1}, "unknown_class"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(tables, table, options, code):
    target = "price" if table == "prices" else "y"
    frame = getattr(tables, table)()
    schema = infer(read(frame, target), Recipe().with_changes({"data.target": target}).data)
    with pytest.raises(InputError) as caught:
        goal.check(schema, DecisionOptions(**options))
    assert caught.value.code == code and "decision." in str(caught.value.where)
    goal.check(schema, DecisionOptions())


def test_labels_that_yaml_reads_otherwise(tables):
    schema = infer(read(tables.two_classes(), "y"), Recipe().with_changes({"data.target": "y"}).data)
    goal.check(schema, DecisionOptions(positive=True, metric="f1"))
    assert (
        goal.code_of(True, ("no", "yes"), "decision.positive") == 1
        and goal.code_of(False, ("no", "yes"), "decision.positive") == 0
    )
    assert (
        goal.code_of(1, ("0", "1"), "decision.positive") == 1
        and goal.code_of(1.0, ("0", "1"), "decision.positive") == 1
    )


def test_costs_of_many_classes_choose_the_cheapest_call(bench, tables, candidate):
    own, state = bench(tables.three_classes(600), "y")
    named = {"band 2": {"band 0": 30, "band 1": 15}}
    state = with_options(state, costs=named)
    y = state.ready[2].validation.y
    draw = np.random.default_rng(0)
    p = draw.dirichlet(np.ones(3), len(y)) * 0.8
    p[np.arange(len(y)), y] += 0.2
    network = candidate(state, 1, p)
    state = state.with_(chosen=((Bag((network,), network.outputs, 0.5), 1.0),))
    decision, message, evidence = decide.run(own.book, state)
    last = state.ready[1].classes.index("band 2")
    assert decision.threshold is None and decision.costs.matrix[last] == (30, 15, 0)
    assert decision.costs.matrix[0] == (0, 1, 1) and message.startswith("The class of least expected cost")
    assert evidence["costs"]["gain"].low > 0
    assert (decision.codes(p) == last).mean() > (p.argmax(1) == last).mean()
    model = SimpleNamespace(decision=decision, classes=state.ready[1].classes)
    proof = proof_of(state, model, answers(y, p))
    assert proof["called"] == {"by": "costs"}
    assert proof["costs"]["chosen"].value < proof["costs"]["likeliest"].value
    sizes = proof["interval"]["by"]["size"]
    assert (
        sum(part["rows"] for part in sizes)
        == len(y)
        == sum(p["rows"] for p in proof["interval"]["by"]["class"])
    )


def test_costs_of_two_classes_move_the_threshold(rare):
    own, state = rare
    decision, _, evidence = decide.run(own.book, with_options(state, costs={"yes": {"no": 5}}))
    same, _, _ = decide.run(own.book, with_options(state, cost_false_negative=5.0))
    assert decision == same and decision.threshold.positive == 1 and decision.costs.matrix == ((0, 1), (5, 0))
    assert evidence["threshold"]["goal"] == "cost"


@pytest.mark.parametrize(
    ("table", "costs", "code"),
    [
        ("prices", {"a": {"b": 1}}, "not_classes"),
        ("three_classes", {"band 7": {"band 0": 1}}, "unknown_class"),
        ("three_classes", {"band 0": {"band 0": 1}}, "bad_costs"),
        ("two_classes", {"yes": {"no": 0}, "no": {"yes": 0}}, "bad_costs"),
    ],
)
def test_costs_that_do_not_fit_are_told(tables, table, costs, code):
    target = "price" if table == "prices" else "y"
    schema = infer(
        read(getattr(tables, table)(), target), Recipe().with_changes({"data.target": target}).data
    )
    with pytest.raises(InputError) as caught:
        goal.check(schema, DecisionOptions(costs=costs))
    assert caught.value.code == code


def test_costs_are_named_once():
    with pytest.raises(InputError, match="leave cost_false_positive"):
        Recipe().with_changes({"decision.costs": {"a": {"b": 1}}, "decision.cost_false_positive": 2})
    with pytest.raises(InputError, match="greater than or equal to 0"):
        Recipe().with_changes({"decision.costs": {"a": {"b": -1}}})
    assert Recipe().with_changes({"decision.costs": {1: {True: 2}}}).decision.costs == {"1": {"True": 2.0}}


def test_intervals_are_told_for_small_and_large_predictions(rare):
    _, state = rare
    draw = np.random.default_rng(0)
    prediction = draw.uniform(size=1000)
    y = prediction + draw.normal(size=1000) * prediction
    ends = np.stack([prediction - 0.8, prediction + 0.8], 1)
    model = SimpleNamespace(decision=SimpleNamespace(coverage=0.9))
    state = SimpleNamespace(task="regression", schema=SimpleNamespace(weight=None))
    by = proof_of(state, model, answers(y, prediction, ends))["interval"]["by"]
    assert [part["rows"] for part in by["prediction"]] == [200] * 5 and by["width"] == []
    assert by["prediction"][0]["coverage"].value == 1 and by["prediction"][4]["coverage"].high < 0.85
