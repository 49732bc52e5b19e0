"""A search whose ranges grow: how many trials, where they lie, what is said, and the same after a kill."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from retemper.core.budget import Budget, now
from retemper.core.recipe import Recipe
from retemper.procedure import widening
from retemper.search.before import Before
from retemper.search.distributions import key_of
from retemper.search.fidelities import Extent, full
from retemper.search.guided import CANDIDATES
from retemper.search.journal import Journal
from retemper.search.samplers import quasi_random
from retemper.search.space import Interval, Setting
from retemper.search.space_file import space_of
from retemper.search.study import Study
from retemper.search.trials import Evaluation, Order
from retemper.search.warm import WarmStart

RATE = "training.optimizer.learning_rate"
TREE: dict[str, Any] = {"learning_rate": {"low": 1e-4, "high": 1e-2}, "dropout": "default"}


def best_at(rate: float) -> Callable[[Setting], float]:
    return lambda values: abs(math.log(values[RATE] / rate)) + 0.1 * values["model.dropout"]


class Formula:
    """Takes the loss from a formula."""

    def __init__(self, loss: Callable[[Setting], float], seconds: float = 0.0) -> None:
        self.loss, self.seconds, self.trained = loss, seconds, 0

    def evaluate(self, orders: Sequence[Order]) -> Iterator[list[Evaluation]]:
        self.trained += len(orders)
        yield [Evaluation(own, {-1: self.loss(own.values)}, seconds=self.seconds) for own in orders]

    def recall(self, evaluations: Sequence[Evaluation]) -> None:
        return None


def searched(
    formula: Formula,
    changes: dict[str, Any] | None = None,
    journal: Journal | None = None,
    budget: Budget | None = None,
    before: Before | None = None,
) -> widening.Searched:
    recipe = Recipe().with_changes({"tune.trials": 64, **(changes or {})})
    space = space_of(TREE, recipe)
    sampler = widening.sampler_of(recipe, space)
    if before:
        many = recipe.with_changes({"tune.trials": 64 * CANDIDATES})
        sampler = WarmStart(sampler, widening.sampler_of(many, space), before, space, 64)
    study = Study(sampler, formula, journal or Journal(None))
    book: Any = SimpleNamespace(budget=budget or Budget(None, 0.0), workers=1)
    extent = Extent(3, (-1,), 8 if before else 16)
    return widening.search(book, recipe, study, space, lambda: full.plan(full.Options(), study, extent))


@pytest.mark.parametrize("sampler", ["quasi_random", "random"])
def test_the_range_grows_towards_the_best(sampler: str) -> None:
    found = searched(Formula(best_at(0.05)), {"tune.sampler": sampler})
    assert len(found.trials) == 64
    assert found.space[RATE] == Interval(1e-4, 0.1, log=True)
    later = [trial.values[RATE] for trial in found.trials if trial.number >= 48]
    assert len(later) == 16 and min(later) > 0.9e-3, "none of them in the half that is far off"
    assert 0.03 < found.trials[0].values[RATE] < 0.08
    (finding,) = found.findings
    assert finding.outcome is not None
    assert finding.outcome.verdict == "kept"
    assert finding.outcome.after < finding.outcome.before  # type: ignore[operator]


def test_twice_if_need_be() -> None:
    found = searched(Formula(best_at(3.0)), {"tune.trials": 128})
    assert found.space[RATE] == Interval(1e-4, 1.0, log=True)
    (finding,) = found.findings
    assert "widened to 0.0001 to 1," in finding.message
    assert (finding.evidence["low"], finding.evidence["high"]) == (1e-4, 1e-2)


@pytest.mark.parametrize(
    ("rate", "changes"),
    [(1e-3, {}), (0.05, {"tune.widenings": 0}), (0.05, {"tune.trials": 12})],
)
def test_ranges_stay_where_nothing_speaks_for_wider_ones(rate: float, changes: dict[str, Any]) -> None:
    found = searched(Formula(best_at(rate)), changes)
    assert found.space[RATE] == Interval(1e-4, 1e-2, log=True)
    assert len(found.trials) == changes.get("tune.trials", 64)
    assert [finding.outcome.verdict for finding in found.findings if finding.outcome] == (
        ["not_tried"] if "tune.widenings" in changes else []
    )


def test_no_trial_is_kept_back_from_a_grid() -> None:
    recipe = Recipe().with_changes({"tune.sampler": {"name": "grid", "steps": 8}, "tune.trials": 64})
    assert widening.kept_back(recipe, space_of(TREE, recipe)) == 0
    found = searched(Formula(best_at(0.05)), {"tune.sampler": {"name": "grid", "steps": 5}})
    assert found.space[RATE] == Interval(1e-4, 0.1, log=True), "39 of 64 are left over"
    tried = {key_of(trial.values) for trial in found.trials}
    assert len(found.trials) == len(tried) == 25 + 10, "of the five rates of the wider grid three were tried"


def test_a_list_ends_where_it_ends() -> None:
    settings = [{RATE: 10 ** (-4 + k / 10), "model.dropout": 0.1} for k in range(21)]
    found = searched(Formula(best_at(0.05)), {"tune.sampler": {"name": "listed", "settings": settings}})
    assert len(found.trials) == 21 and found.space[RATE] == Interval(1e-4, 1e-2, log=True)
    (finding,) = found.findings
    assert finding.outcome is not None and finding.outcome.verdict == "not_tried"


def test_a_killed_search_comes_to_the_same_ranges(tmp_path: Path) -> None:
    place = tmp_path / "trials.jsonl"
    whole = searched(Formula(best_at(0.05)), journal=Journal(place))
    lines = place.read_bytes().splitlines(keepends=True)
    for kept in (64, 56, 50, 20):
        place.write_bytes(b"".join(lines[:kept]))
        formula = Formula(best_at(0.05))
        again = searched(formula, journal=Journal(place))
        assert formula.trained == 64 - kept
        assert [(t.number, t.values, t.loss) for t in again.trials] == [
            (t.number, t.values, t.loss) for t in whole.trials
        ]
        assert again.findings == whole.findings


def test_what_an_earlier_search_knew_guides_the_wider_ranges_too(tmp_path: Path) -> None:
    space, loss = space_of(TREE, Recipe()), best_at(0.02)
    settings = quasi_random.build(quasi_random.Options(), space, 9, 32).ask(32)
    known = sorted(((values, loss(values)) for values in settings), key=lambda pair: pair[1])
    place = tmp_path / "trials.jsonl"
    warm = searched(Formula(best_at(0.05)), {}, Journal(place), before=Before("runs/may", known))
    cold = searched(Formula(best_at(0.05)))
    assert warm.space[RATE] == Interval(1e-4, 0.1, log=True) and len(warm.trials) == 64
    later, plain = ([t.loss for t in own.trials if t.number >= 48] for own in (warm, cold))
    assert statistics.median(later) < 0.7 * statistics.median(plain)
    assert len({str(trial.values) for trial in warm.trials}) == 64
    lines = place.read_bytes().splitlines(keepends=True)
    place.write_bytes(b"".join(lines[:50]))
    formula = Formula(best_at(0.05))
    again = searched(formula, {}, Journal(place), before=Before("runs/may", known))
    assert formula.trained == 14 and [t.values for t in again.trials] == [t.values for t in warm.trials]


def test_time_may_forbid_it_and_a_replay_does_the_same() -> None:
    log: list[dict[str, Any]] = []
    short = Budget(100.0, started=now(), log=log.append)
    found = searched(Formula(best_at(0.05), seconds=20.0), budget=short)
    assert found.space[RATE] == Interval(1e-4, 1e-2, log=True)
    assert [(event["name"], event["value"]) for event in log] == [("search.widen.0", False)]
    replay = Budget(None, 0.0, made={"search.widen.0": False}, strict=True)
    assert searched(Formula(best_at(0.05)), budget=replay).space == found.space


def test_all_trials_failing_is_no_edge() -> None:
    found = searched(Formula(lambda values: math.nan))
    assert len(found.trials) == 64
    assert found.findings == []
