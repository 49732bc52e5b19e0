"""Fidelities: which trials train how long, on which folds, in whatever order they come back."""

import json
import math
import random
from collections import Counter
from pathlib import Path

import pytest

from retemper.core import catalogue
from retemper.search import arrivals
from retemper.search.fidelities import Extent, asha, full, halving, hyperband
from retemper.search.journal import Journal
from retemper.search.samplers.random import Sampler
from retemper.search.space import Interval, Space
from retemper.search.study import Study
from retemper.search.trials import Evaluation, Order, Trial, ranked

SPACE = Space({"rate": Interval(0.0, 1.0)})


class Curves:
    """Loss = |rate − .3| + 1/epochs on every fold; rates above .9 are lost."""

    def __init__(self) -> None:
        self.trained: dict[tuple[int, int], int] = {}
        self.asked: list[list[Order]] = []

    def one(self, order: Order) -> Evaluation:
        rate = order.values["rate"]
        loss = math.nan if rate > 0.9 else abs(rate - 0.3) + 1 / order.epochs
        epochs = 0
        for fold in order.folds:
            epochs += order.epochs - self.trained.get((order.trial, fold), 0)
            self.trained[order.trial, fold] = order.epochs
        return Evaluation(order, dict.fromkeys(order.folds, loss), trained_epochs=epochs)

    def evaluate(self, orders):
        self.asked.append(list(orders))
        yield [self.one(order) for order in orders]

    def recall(self, evaluations):
        for own in evaluations:
            self.trained |= {(own.order.trial, fold): own.order.epochs for fold in own.order.folds}


class Shuffled(Curves):
    """One evaluation at a time, in an order of its own; takes further orders in between."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.draw = random.Random(seed)

    def evaluate(self, orders):
        left = list(orders)
        while left:
            order = left.pop(self.draw.randrange(len(left)))
            left += (yield [self.one(order)]) or []


def study(evaluator, trials=40, path=None):
    return Study(Sampler(SPACE, 0, trials), evaluator, Journal(path))


def epochs_of(evaluator):
    return Counter(epochs for (_, fold), epochs in evaluator.trained.items() if fold == 0)


def test_brackets_begin_later_with_fewer_trials():
    evaluator = Curves()
    extent = Extent(27, (0, 1), 27)
    one = Study(Sampler(SPACE, 0, 49), evaluator, Journal(None))
    one.run(hyperband.plan(hyperband.Options(), one, extent))
    first = [orders[0].epochs for orders in evaluator.asked]
    assert first == [1, 3, 9, 27, 3, 9, 27, 9, 27, 27]
    assert [len(orders) for orders in evaluator.asked][:4] == [27, 9, 3, 1]
    assert [len(evaluator.asked[k]) for k in (4, 7, 9)] == [12, 6, 4]


def test_a_bracket_of_hyperband_takes_what_the_sampler_has_left():
    evaluator = Curves()
    one = study(evaluator, 30)
    assert len(one.run(hyperband.plan(hyperband.Options(), one, Extent(27, (0,), 27)))) == 30
    assert [len(orders) for orders in evaluator.asked] == [27, 9, 3, 1, 3, 1, 1]


class Noted(Sampler):
    """How many losses were known whenever it was asked."""

    def __init__(self, trials):
        super().__init__(SPACE, 0, trials)
        self.told, self.known = 0, []

    def ask(self, count):
        found = super().ask(count)
        if found:
            self.known.append((self.told, len(found)))
        return found

    def tell(self, values, loss, epochs=0):
        self.told += 1


@pytest.mark.parametrize(
    ("fidelity", "known"),
    [
        (halving, [(0, 8), (8, 8), (31, 8), (39, 8), (62, 1)]),
        (hyperband, [(0, 8), (8, 8), (16, 8), (24, 3), (40, 8), (48, 4), (58, 2)]),
    ],
)
def test_a_bracket_is_asked_for_in_batches_and_the_sampler_hears_of_each(fidelity, known):
    evaluator, sampler = Curves(), Noted(33 if fidelity is halving else 41)
    one = Study(sampler, evaluator, Journal(None))
    one.run(fidelity.plan(fidelity.Options(), one, Extent(27, (0,), 8)))
    assert sampler.known == known


@pytest.mark.parametrize("batch", [1, 5, 26])
def test_batches_of_a_bracket_change_nothing_for_a_sampler_that_does_not_learn(batch):
    evaluator, whole = Curves(), Curves()
    for own, size in ((evaluator, batch), (whole, 27)):
        one = study(own, 54)
        one.run(hyperband.plan(hyperband.Options(), one, Extent(27, (0,), size)))
    assert evaluator.trained == whole.trained


@pytest.mark.parametrize("fidelity", [halving, hyperband, asha])
def test_the_best_trains_in_full_for_far_less_than_everybody(fidelity):
    evaluator, everybody = Curves(), Curves()
    one, all_ = study(evaluator, 60), study(everybody, 60)
    extent = Extent(27, (0,), 27)
    best = ranked(one.run(fidelity.plan(fidelity.Options(), one, extent)))[0]
    plain = ranked(all_.run(full.plan(full.Options(), all_, extent)))[0]
    assert best.number == plain.number and best.last.order.epochs == 27
    assert sum(evaluator.trained.values()) < 0.4 * sum(everybody.trained.values())


def test_by_itself_half_go_on_from_the_second_epoch():
    evaluator = Curves()
    one = study(evaluator, 16)
    one.run(halving.plan(halving.Options(), one, Extent(32, (0,), 16)))
    assert [(orders[0].epochs, len(orders)) for orders in evaluator.asked] == [
        (2, 16),
        (4, 8),
        (8, 4),
        (16, 2),
        (32, 1),
    ]


@pytest.mark.parametrize("reduction", [2, 3, 4, 10])
def test_a_last_step_that_spares_hardly_any_epochs_is_no_rung_of_its_own(reduction):
    for last in range(4, 300):
        *before, end = halving.rungs_of(2, last, reduction)
        assert end == last
        assert len(before) < 2 or end >= before[-1] * math.sqrt(reduction), (before, end)


def test_asha_keeps_a_third_at_every_rung():
    evaluator = Curves()
    one = study(evaluator, 81)
    one.run(asha.plan(asha.Options(reduction=3, first_epochs=1), one, Extent(27, (0,), 9)))
    reached = epochs_of(evaluator)
    assert sum(reached.values()) == 81
    assert 20 <= sum(n for e, n in reached.items() if e >= 3) <= 40
    assert reached[27] >= 1
    assert max(len(orders) for orders in evaluator.asked) <= 9


def test_asha_without_a_sound_trial_ends():
    one = Study(Sampler(Space({"rate": Interval(0.95, 1.0)}), 0, 5), Curves(), Journal(None))
    trials = one.run(asha.plan(asha.Options(), one, Extent(9, (0,), 3)))
    assert len(trials) == 5 and not any(trial.sound for trial in trials)


def asynchronous(evaluator, path=None, made=None, trials=40):
    log = {}
    one = study(evaluator, trials, path)
    one.course = arrivals.Arrivals(made or {}, log.__setitem__)
    done = one.run(asha.plan(asha.Options(), one, Extent(9, (0, 1), 4)))
    return log, done


def test_timing_chooses_and_its_order_repeats_the_choice(tmp_path):
    first, trials = asynchronous(Shuffled(1))
    other, _ = asynchronous(Shuffled(2))
    assert first != other, "which trials go on depends on who comes back first"
    again, replayed = asynchronous(Shuffled(2), made=json.loads(json.dumps(first)))
    assert again == first
    assert [t.evaluations for t in replayed] == [t.evaluations for t in trials]


@pytest.mark.parametrize("killed_after", [0, 1, 7, 20])
def test_a_killed_asynchronous_study_goes_on_where_it_was(tmp_path, killed_after):
    path = tmp_path / "trials.jsonl"

    class Killed(Shuffled):
        def one(self, order):
            if len(self.trained) // 2 > killed_after:
                raise KeyboardInterrupt
            return super().one(order)

    with pytest.raises(KeyboardInterrupt):
        asynchronous(Killed(1), path)
    written = [own.order.key for own in Journal(path)]
    evaluator = Shuffled(3)
    log, trials = asynchronous(evaluator, path)
    seen = list(log.values())
    assert seen[: len(written)] == written and len(set(seen)) == len(seen)
    assert sum(own.trained_epochs for t in trials for own in t.evaluations) == sum(
        evaluator.trained.values()
    ), "nothing is trained twice"


def test_a_second_round_goes_on_with_the_order_of_the_first():
    def rounds(seed, made):
        log = {}
        one = study(Shuffled(seed), 30)
        one.course = arrivals.Arrivals(made, log.__setitem__)
        for one.most in (10, 30):
            one.run(asha.plan(asha.Options(), one, Extent(9, (0,), 4)))
        return log

    first = rounds(1, {})
    assert len(first) > 30 and rounds(2, {}) != first
    assert rounds(2, first) == first


def test_an_evaluator_that_takes_no_orders_in_between_is_asked_again():
    log, trials = asynchronous(Curves())
    seen = list(log.values())
    assert ranked(trials)[0].last.order.epochs == 9 and len(seen) == len(set(seen))


def test_folds_that_were_trained_apart_count_together():
    trial = Trial(0, {"rate": 0.5})
    early = Evaluation(Order(0, {}, 3, (0, 1)), {0: 1.0, 1: 3.0}, places={0: "a", 1: "b"}, trained_epochs=6)
    late = Evaluation(Order(0, {}, 3, (2,)), {2: 5.0}, places={2: "c"}, trained_epochs=3)
    both = trial.with_(early).with_(late)
    assert both.loss == 3.0 and both.last.order.folds == (0, 1, 2) and both.last.trained_epochs == 9
    assert set(both.last.places) == {0, 1, 2}
    longer = both.with_(Evaluation(Order(0, {}, 9, (0,)), {0: 0.5}))
    assert longer.loss == 0.5


def test_all_fidelities_are_found_by_name():
    names = catalogue.names("fidelity")
    assert {"full", "halving", "hyperband", "asha"} <= set(names)
    assert all(catalogue.options_class("fidelity", name).__doc__ for name in names)


def test_the_journal_is_where_it_was_told(tmp_path: Path):
    asynchronous(Curves(), tmp_path / "t.jsonl")
    assert len(list(Journal(tmp_path / "t.jsonl"))) > 40
