"""Reading the curves: a fault is named, one remedy is tried, and only proof keeps it."""

from dataclasses import replace

import numpy as np
import pytest

from retemper.core.recipe import Recipe
from retemper.core.records import Outcome
from retemper.procedure import read_curves, train_long
from retemper.procedure.contenders import Contender
from retemper.procedure.jobs import contender_of, member_of, recipe_for
from retemper.procedure.pace import Finished


def overfitting(k):
    """The validation loss falls for 10 epochs and then rises."""
    return {"train_loss": 1 / (k + 1), "val_loss": 1 / (k + 1) + 0.02 * max(0, k - 8), "learning_rate": 1e-3}


def healthy(k):
    level = 0.1 + 0.9 * np.exp(-k / 3)
    return {"train_loss": level, "val_loss": 1.05 * level, "learning_rate": 1e-3 * (1 - k / 30)}


def with_curves(state, candidate, curve, losses=(0.5, 0.52, 0.51)):
    """Three networks with such curves, each as far off as its loss says."""
    y = state.ready[2].validation.y
    long = [
        candidate(state, 10_000 + k, y + loss, [curve(e) for e in range(30)], epochs=30)
        for k, loss in enumerate(losses)
    ]
    return state.with_(long=tuple(long), candidates=tuple(long), epochs=4)


def line(x, draw):
    return 3 * x[:, 0] - x[:, 1] + 0.1 * draw.normal(size=len(x))


@pytest.fixture(autouse=True)
def made_up_networks_have_no_weights(monkeypatch):
    monkeypatch.setattr(read_curves, "inner_values", lambda state: {"rows": len(state.long)})


@pytest.fixture
def start(bench, tables):
    changes = {"procedure.remedy_rounds": 1, "training.epochs": 4}
    return bench(tables.numbers_only(200, 0, line), changes=changes)


def test_healthy_curves_change_nothing(start, candidate):
    desk, state = start
    state = with_curves(state, candidate, healthy)
    after, step = desk.do(read_curves, state)
    assert step.verdict == "pass" and step.evidence["findings"] == [], step.message
    assert after == state and step.evidence["rounds"] == []
    assert step.evidence["activations"] == {"rows": 3}


def test_curves_of_one_epoch_are_called_too_short_not_healthy(start, candidate):
    desk, state = start
    state = with_curves(state, candidate, healthy)
    short = [replace(c, fit=replace(c.fit, history=c.fit.history[:1])) for c in state.long]
    _, step = desk.do(read_curves, state.with_(long=tuple(short)))
    assert step.verdict == "warn" and step.message.startswith("The curves are too short to read")
    assert "of 1 epoch;" in step.message and len(step.evidence["not_applicable"]) >= 5


@pytest.fixture
def bad_by_nature(monkeypatch):
    """Trained anew by the old recipe on fresh seeds, the made-up networks come out as bad."""
    trained = read_curves._fresh_losses

    def losses(book, state, recipes, name, members):
        own = trained(book, state, recipes, name, members)
        return [9.0 + loss for loss in own] if name.endswith("before") else own

    monkeypatch.setattr(read_curves, "_fresh_losses", losses)


def test_networks_that_were_bad_by_chance_prove_nothing(start, candidate):
    """A rerun of them gains beyond all noise; on fresh seeds the old recipe does as well."""
    desk, state = start
    state = with_curves(state, candidate, overfitting, losses=(9.0, 9.1, 9.2))
    after, step = desk.do(read_curves, state)
    (done,) = step.evidence["rounds"]
    assert done["verdict"] == "reverted" and "no say in the finding" in done["message"]
    assert done["before"] < 8, "the old recipe's networks of fresh seeds, not those that were bad"
    assert after.recipe == state.recipe and after.long == state.long


def test_a_remedy_that_gains_is_kept(start, candidate, bad_by_nature):
    """The made-up networks are so bad that any real training beats them."""
    desk, state = start
    state = with_curves(state, candidate, overfitting, losses=(9.0, 9.1, 9.2))
    after, step = desk.do(read_curves, state)
    (done,) = step.evidence["rounds"]
    assert done["verdict"] == "kept" and done["low"] > 0 and done["seeds"] == 3
    assert step.message.startswith("The curves show over")
    found = {finding.code: finding for finding in after.findings}
    outcome = found[done["finding"]].outcome
    assert outcome.verdict == "kept" and outcome.before > outcome.after
    assert [c.id for c in after.long] != [c.id for c in state.long]
    for path, (_, new) in done["change"].items():
        kept = after.recipe.get(path)
        assert kept == pytest.approx(new) or path.endswith(("weight_decay", "learning_rate", "dropout")), path


def test_a_remedy_that_does_not_gain_is_reverted(start, candidate):
    """The made-up networks are perfect: nothing can beat them."""
    desk, state = start
    state = with_curves(state, candidate, overfitting, losses=(0.0, 1e-6, 2e-6))
    after, step = desk.do(read_curves, state)
    (done,) = step.evidence["rounds"]
    assert done["verdict"] == "reverted" and step.verdict == "warn"
    assert after.recipe == state.recipe and after.long == state.long
    assert len(after.candidates) == 6, "what is trained may still join the ensemble"
    ids = [c.id for c in after.candidates]
    assert len(set(ids)) == len(ids)


def test_a_finding_without_a_try_says_so(start, candidate):
    desk, state = start
    state = with_curves(state, candidate, overfitting)
    state = state.with_(recipe=state.recipe.with_changes({"procedure.remedy_rounds": 0}))
    after, step = desk.do(read_curves, state)
    assert step.verdict == "warn" and "no remedy was tried" in step.message
    (finding,) = (finding for finding in after.findings if finding.code == "overfitting")
    assert finding.outcome == Outcome(finding.remedies[0], "not_tried")


def test_no_remedy_is_tried_without_time_for_three_seeds(start, candidate):
    desk, state = start
    desk.book.pace.finished.append(Finished("any", 1e15, 1e12))
    state = with_curves(state, candidate, overfitting)
    after, step = desk.limited(10).do(read_curves, state)
    assert step.evidence["rounds"] == [] and after.recipe == state.recipe


def test_how_many_seeds_is_decided_once_a_round(start, candidate, bad_by_nature):
    """A second look at the clock could find less time, and none of the seeds that were promised."""
    desk, state = start
    state = with_curves(state, candidate, overfitting, losses=(9.0, 9.1, 9.2))
    asked = []
    budget = desk.book.budget
    decide = type(budget).decide
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(budget), "decide", lambda self, n, c: (asked.append(n), decide(self, n, c))[1])
        desk.do(read_curves, state)
    assert asked == ["read_curves.0.members"]


def test_a_second_remedy_is_judged_against_the_same_seeds(start, candidate, bad_by_nature):
    """After a remedy was kept, the networks have new ids, but the randomness of the first."""
    desk, state = start
    state = with_curves(state, candidate, overfitting, losses=(9.0, 9.1, 9.2))
    state = state.with_(long=tuple(replace(c, id=c.id + 1000) for c in state.long))
    after, step = desk.do(read_curves, state)
    assert step.evidence["rounds"][0]["verdict"] == "kept"
    assert {c.member.id for c in after.long} == {10_000, 10_001, 10_002}


def test_a_rerun_that_is_lost_is_reverted(start, candidate, monkeypatch):
    desk, state = start
    state = with_curves(state, candidate, overfitting)
    lost = {"training.optimizer": {"name": "sgd", "learning_rate": 1e30}}
    monkeypatch.setattr("retemper.doctor.remedies.regularise_more.apply", lambda recipe, finding: lost)
    monkeypatch.setattr(Recipe, "get", lambda self, path: None)
    after, step = desk.do(read_curves, state)
    (done,) = step.evidence["rounds"]
    assert done["verdict"] == "reverted" and "failed after the change" in done["message"]
    assert after.recipe == state.recipe


def test_nothing_to_read_is_skipped(start):
    desk, state = start
    after, step = desk.do(read_curves, state)
    assert step.verdict == "skipped" and "no curves" in step.message
    assert after == state


def test_real_curves_are_read(bench, tables):
    """From train_long to read_curves: the histories arrive whole, signals included."""
    desk, state = bench(tables.numbers_only(200, 0, line), changes={"training.epochs": 12})
    state, _ = desk.do(train_long, state)
    histories = [case.history for case in read_curves.cases_of(state)]
    assert len(histories) == 3
    for history in histories:
        assert len(history) == 12 and history.trivial_loss == pytest.approx(1, rel=0.2)
        assert {"train_loss", "val_loss", "learning_rate", "gradient_norm", "update_ratio"} <= set(
            history.series
        )
    _, step = desk.do(read_curves, state)
    assert step.verdict in ("pass", "warn")


def test_a_recipe_keeps_all_that_the_search_has_chosen_for_a_member(bench, tables):
    """What gets lost on the way to a remedy and back would count as the remedy's doing."""
    _, state = bench(tables.two_classes())
    member = replace(
        member_of(state.recipe, 7), learning_rate=0.02, weight_decay=0.3, dropout=0.2, label_smoothing=0.05
    )
    own = Contender({**state.recipe.model.as_plain(), "dropout": 0.2}, member)
    recipe = recipe_for(state, own, 3)
    assert recipe.training.epochs == 3 and recipe.get("training.loss.label_smoothing") == 0.05
    assert contender_of(recipe, 7) == own
    _, values = bench(tables.prices(), "price")
    assert recipe_for(values, Contender(own.model, member_of(values.recipe, 7)), 3).training.epochs == 3
