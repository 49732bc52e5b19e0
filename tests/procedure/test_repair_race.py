"""Races, proofs and ends of a repair: what they cost, what they choose, what they leave off."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from retemper.api.watch import watch
from retemper.core.recipe import Recipe, build
from retemper.core.records import Finding
from retemper.procedure.repair import _cut, _doubt
from retemper.procedure.repair_bench import Bench
from retemper.procedure.repair_by_the_book import lean
from retemper.procedure.repair_last import last, last_price, rises
from retemper.procedure.repair_leaner import leaner
from retemper.procedure.repair_plan import proposals
from retemper.procedure.repair_race import SECOND, Race, run
from retemper.procedure.repair_regimen import RATE, Regimen
from retemper.procedure.repair_rows import Rows

FOUND = Finding("learning_rate_too_low", "warning", 0.9, "It hardly moves.")
PLAIN: dict[str, Any] = {
    "model": "linear",
    "training.schedule": "constant",
    "training.patience_epochs": 0,
    "training.optimizer": {"name": "sgd", "learning_rate": 1e-4},
    "training.batch_size": 10,
    "training.epochs": 20,
}
DRAW = torch.Generator().manual_seed(0)
X = torch.randn(200, 3, generator=DRAW)
Y = X @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.7 * torch.randn(200, 1, generator=DRAW)


def bench(rows: int = 200, hidden: int = 0, budget: float = 10.0, **changes: Any) -> tuple[Bench, Regimen]:
    def make() -> nn.Module:
        if not hidden:
            return nn.Linear(3, 1)
        return nn.Sequential(nn.Linear(3, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    own = Bench(make, nn.MSELoss(), "regression", Rows(X[:rows], Y[:rows]), 0, watch, budget)
    regimen = Regimen(build(PLAIN, changes))
    own.unit = own.whole(regimen)
    return own, regimen


def with_rate(regimen: Regimen, rate: float) -> Regimen:
    return regimen.with_changes("raise_learning_rate", FOUND, {RATE: rate})


def test_a_run_on_all_rows_is_the_unit_and_parts_cost_their_share() -> None:
    own, regimen = bench()
    assert own.whole(regimen) == pytest.approx(1) and own.part(regimen) == pytest.approx(0.75)
    begun = own.enter(regimen, 0, "round 1")
    assert own.spent == 0
    begun.go_on(0.5)
    assert own.spent == pytest.approx(0.375) and begun.rest() == pytest.approx(0.375) and begun.share == 0.5
    assert own.left == pytest.approx(10 - 0.375)
    smaller = regimen.with_changes("smaller_batch", FOUND, {"training.batch_size": 5})
    assert own.whole(smaller) == pytest.approx(2, rel=0.01), "twice the steps"


def test_a_run_that_was_interrupted_ends_as_one_that_was_not() -> None:
    own, regimen = bench(**{"training.optimizer.learning_rate": 0.01})
    once, pieces = own.enter(regimen, 3, "a"), own.enter(regimen, 3, "b")
    once.go_on(1.0)
    for share in (0.15, 0.4, 1.0):
        torch.rand(7)  # what others draw meanwhile
        pieces.go_on(share)
    ended = [each.training.end().network.state_dict() for each in (once, pieces)]
    assert all(torch.equal(ended[0][name], ended[1][name]) for name in ended[0])


def test_the_best_rate_wins_within_the_purse_and_the_final_has_a_seed_of_its_own() -> None:
    own, regimen = bench(**{"training.epochs": 60})
    field = [with_rate(regimen, rate) for rate in (1e-6, 1e-5, 1e-3, 3e-2, 10.0)]
    done = run(own, Race(field, "round 1", 2.2))
    assert done[0].regimen.recipe.get(RATE) in (1e-3, 3e-2) and done[0].member == SECOND
    assert all(each.share == 1 for each in done) and own.spent <= 2.2
    assert {each.stage for each in own.runs} == {"round 1"}


def test_a_race_without_money_has_no_winner_and_costs_nothing() -> None:
    own, regimen = bench(**{"training.epochs": 60})
    assert run(own, Race([with_rate(regimen, 1e-2)], "round 1", 0.5)) == [] and own.spent == 0
    assert run(own, Race([], "round 1", 5.0)) == []


def test_what_is_certain_comes_into_the_final_however_it_begins() -> None:
    own, regimen = bench(**{"training.epochs": 60})
    field = [with_rate(regimen, rate) for rate in (1e-6, 1e-2, 2e-2, 3e-2)]
    plain = run(own, Race(field, "round 1", 5.0))
    seeded = run(own, Race(field, "round 2", 5.0, seeded=True))
    assert field[0] not in [each.regimen for each in plain]
    assert field[0] == seeded[-1].regimen and seeded[0].skill > 0.8


def test_finalists_that_are_not_good_are_examined() -> None:
    own, regimen = bench(hidden=4)
    (done,) = run(own, Race([with_rate(regimen, 1e-3)], "round 1", 3.0, examined=True))
    assert done.findings is not None and done.skill < 0.97


def test_runs_that_are_too_short_for_a_rung_are_run_to_their_end() -> None:
    own, regimen = bench(**{"training.epochs": 3})
    done = run(own, Race([with_rate(regimen, rate) for rate in (1e-3, 3e-2)], "round 1", 2.0))
    assert [each.member for each in done] == [0, 0] and done[0].skill > done[1].skill
    assert len(own.runs) == 2


def test_what_a_repair_does_not_need_is_left_off() -> None:
    own, regimen = bench(hidden=8, budget=30.0, **{"training.epochs": 30})
    other = Finding("poor", "advice", 0.5, "It learns little.")
    mended = with_rate(regimen, 0.05).with_changes("regularise_more", other, {"training.l1": 1e-9})
    mended = mended.with_changes("clip_gradients", FOUND, {"training.clip_norm": 50.0})
    proved = []
    for member in (1, 2, 3):
        proved.append(own.enter(mended, member, "proof"))
        proved[-1].go_on(1.0)
    spare = leaner(own, mended, proved, frozenset({FOUND.code}))
    assert spare.remedies == ("raise_learning_rate",)
    tried = [each.regimen.remedies for each in own.runs if each.stage == "leaner"]
    assert tried[0] == ("raise_learning_rate", "clip_gradients"), "what no finding asks for goes first"
    own.budget = own.spent
    assert leaner(own, mended, proved, frozenset()) == mended, "without money all stays"


def test_a_run_that_still_gains_is_gone_on_with_and_comes_back_to_its_best() -> None:
    own, regimen = bench(**{"training.optimizer.learning_rate": 3e-4})
    best = own.enter(with_rate(regimen, 1e-3), 0, "round 1")
    best.go_on(1.0)
    assert rises(best)
    before = best.skill
    network, ended = last(own, best)
    assert ended.remedies == ("raise_learning_rate", "train_longer") and ended.recipe.training.epochs > 20
    error = float(((network(X).detach() - Y) ** 2).sum() / ((Y - Y.mean()) ** 2).sum())
    assert 1 - error > before + 0.01 and own.spent <= own.budget


def test_a_schedule_that_has_ended_is_not_gone_on_with() -> None:
    own, regimen = bench(**{"training.optimizer.learning_rate": 1e-3, "training.schedule": "cosine"})
    best = own.enter(regimen.with_changes("clip_gradients", FOUND, {"training.clip_norm": 9.0}), 0, "round 1")
    best.go_on(1.0)
    assert best.training.settles and not rises(best)
    network, ended = last(own, best)
    assert ended == best.regimen and own.runs[-1].stage == "last"
    assert not network.training and own.runs[-1].training.train is own.rows


def test_few_rows_need_no_training_on_all_of_them() -> None:
    own, regimen = bench(rows=40, **{"training.optimizer.learning_rate": 0.1})
    runs = [own.enter(regimen, member, "proof") for member in range(3)]
    for each in runs:
        each.go_on(1.0)
        each.end()
    spent, networks = own.spent, [each.network for each in runs]
    network, _ = last(own, runs[0])
    best = max(range(3), key=lambda place: runs[place].skill)
    assert own.spent == spent and network is networks[best]


def test_a_last_start_that_fails_gives_way_to_an_earlier_one() -> None:
    own, regimen = bench(budget=1.5, **{"training.optimizer.learning_rate": 0.01})
    first = own.enter(regimen, 0, "original")
    first.go_on(1.0)
    own.make = lambda: nn.Sequential(
        nn.Linear(3, 1), nn.Flatten(), nn.Threshold(1e9, 0.0)
    )  # a start that is dead
    network, _ = last(own, first)
    assert own.runs[-1].stage == "last" and own.runs[-1].skill < first.skill
    assert isinstance(network, nn.Linear) and not network.training


def test_a_smaller_network_gets_the_epochs_that_a_large_one_would_cost() -> None:
    own, regimen = bench(hidden=8000, **{"training.epochs": 1, "training.batch_size": 200})
    patient = own.patient(regimen, own.rows, 0)
    (small,) = lean(regimen, patient, regimen, own.part)
    assert small.remedies[-1] == "train_longer" and "less_capacity" in small.remedies
    assert 1 < small.recipe.training.epochs <= 64 and own.part(small) <= 1.01 * own.part(regimen)
    few, narrow = bench(hidden=4, **{"training.epochs": 1})
    assert lean(narrow, few.patient(narrow, few.rows, 0), narrow, few.part) == []
    made = proposals(regimen, [], patient, poor=True, price=own.part)
    assert any("less_capacity" in each.remedies for each in made)
    assert not any("less_capacity" in each.remedies for each in proposals(regimen, [], patient, poor=True))


def test_measures_can_be_left_off_by_place() -> None:
    base = Regimen(Recipe())
    three = (
        with_rate(base, 0.5).with_operation("another_activation", FOUND).with_operation("right_head", FOUND)
    )
    assert three.without(1).remedies == ("raise_learning_rate", "right_head")
    assert three.without(0).recipe == base.recipe and three.recipe.get(RATE) == 0.5
    assert three.without(0, 1, 2) == base and math.isclose(three.without(2).recipe.get(RATE), 0.5)


def test_money_is_kept_for_the_original_where_a_shorter_way_may_fail() -> None:
    own, regimen = bench()
    shorter = regimen.with_changes("stop_earlier", FOUND, {"training.epochs": 5})
    longer = regimen.with_changes("train_longer", FOUND, {"training.epochs": 40})
    assert last_price(own, shorter) == pytest.approx(1) and last_price(own, longer) == pytest.approx(2)
    few, tiny = bench(rows=40)
    assert last_price(few, tiny) == 0


def ran(*scores: tuple[float, float]) -> Any:
    return [SimpleNamespace(skill=skill, right=right) for skill, right in scores]


def test_a_gain_on_average_does_not_beat_a_lucky_start() -> None:
    stuck_at_times, better = ran((0.8, 0.9), (0.0, 0.4), (0.0, 0.4)), ran((0.6, 0.8), (0.7, 0.8), (0.6, 0.9))
    (unlucky, lucky, sure) = ran((0.1, 0.4), (0.8, 0.8), (0.5, 0.95))
    assert _doubt(unlucky, stuck_at_times, better) is None
    for first in (lucky, sure):
        assert "own start" in (_doubt(first, stuck_at_times, better) or "")
    assert "fewer rows" in (_doubt(unlucky, ran((0.2, 0.9)), better) or "")


def test_a_run_is_cut_where_it_fell_by_more_than_noise() -> None:
    own, regimen = bench()
    done = own.enter(regimen, 0, "round 1")
    done.training.epoch = done.training.epochs
    done.training.curve = [(0.25, 0.5), (0.5, 0.8), (0.75, 0.75), (1.0, 0.7)]
    cut = _cut(done, 0.05)
    assert cut.regimen.remedies == ("stop_earlier",) and cut.regimen.recipe.training.epochs == 10
    assert cut.skill == 0.8 and done.skill == 0.7
    assert _cut(done, 0.15) is done
