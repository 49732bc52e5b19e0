"""A search that begins from an earlier one: what is taken along, what five probes decide, what is asked then."""

import itertools
import math

import numpy as np
import pytest

from retemper.core.recipe import build
from retemper.search.before import Before, before_of
from retemper.search.concordance import concordance
from retemper.search.guided import BEST, CANDIDATES, Guided
from retemper.search.samplers import batch_of, grid, listed, quasi_random, random, tpe
from retemper.search.space import Condition, Interval, Space, Words
from retemper.search.trials import Evaluation, Order
from retemper.search.warm import PROBES, WarmStart

SPACE = Space({"rate": Interval(1e-4, 1.0, log=True), "width": Words((16, 64))})
TRIALS = 24


def loss(values, best=0.01):
    return abs(math.log10(values["rate"] / best)) + (values["width"] == 16)


def before(space=SPACE, count=32, told=loss):
    settings = random.build(random.Options(), space, 5, count).ask(count)
    return Before("runs/may", sorted([(own, told(own)) for own in settings], key=lambda pair: pair[1]))


def inner(kind, trials=TRIALS, space=SPACE):
    more = trials * CANDIDATES if kind in (random, quasi_random, grid) else trials
    return kind.build(kind.Options(), space, 0, more)


def both(kind, trials=TRIALS, space=SPACE):
    """A sampler and what names settings to choose from."""
    own = inner(kind, trials, space)
    return own, inner(quasi_random, trials, space) if kind is tpe else own


def carried_out(warm, told, batch=4):
    """All settings in the order in which they were asked for, and their losses."""
    asked = []
    while new := warm.ask(batch):
        for values in new:
            warm.tell(values, told(values), 9)
        asked += new
    return asked, [told(values) for values in asked]


@pytest.mark.parametrize("kind", [random, quasi_random, tpe])
def test_a_ranking_that_holds_leads_to_good_settings_at_once(kind):
    trials = 16
    cold = kind.build(kind.Options(), SPACE, 0, trials)
    _, cold_losses = carried_out(cold, loss)
    warm = WarmStart(*both(kind, trials), before(), SPACE, trials)
    _, losses = carried_out(warm, lambda values: 7 + 3 * loss(values))
    assert warm.verdict.kept
    assert len(losses) == trials
    later = (np.array(losses[PROBES:]) - 7) / 3
    assert np.median(later) < 0.7 * np.median(cold_losses[PROBES:])


@pytest.mark.parametrize("kind", [random, quasi_random, grid, tpe])
def test_a_ranking_that_does_not_hold_leaves_the_plain_search(kind):
    trials = 9 if kind is grid else TRIALS
    cold, _ = carried_out(kind.build(kind.Options(), SPACE, 0, TRIALS), lambda values: -loss(values))
    warm = WarmStart(*both(kind), before(), SPACE, trials)
    asked, _ = carried_out(warm, lambda values: -loss(values))
    assert not warm.verdict.kept and "no longer holds" in warm.verdict.reason
    assert len(asked) == trials
    if kind is not tpe:
        assert asked[PROBES:] == [own for own in cold if own not in asked[:PROBES]][: trials - PROBES]


def test_probes_go_from_the_best_to_the_worst_and_nothing_is_asked_beside_them():
    known = before()
    warm = WarmStart(*both(random), known, SPACE, TRIALS)
    probes = warm.ask(64)
    ranks = [[own for own, _ in known.known].index(values) for values in probes]
    assert ranks == [0, 8, 16, 23, 31]


def test_after_the_probes_come_the_best_of_before_and_no_setting_twice():
    known = before()
    warm = WarmStart(*both(random), known, SPACE, TRIALS)
    asked, _ = carried_out(warm, loss)
    best = [own for own, _ in known.known if own not in asked[:PROBES]][:BEST]
    assert asked[PROBES : PROBES + BEST] == best
    assert len({str(values) for values in asked}) == len(asked) == TRIALS


def test_in_wider_ranges_what_was_known_still_guides_and_nothing_is_probed_again():
    wide = Space(dict(SPACE) | {"rate": Interval(1e-4, 100.0, log=True)})
    part = Space(dict(SPACE) | {"rate": Interval(1e-2, 100.0, log=True)})
    warm = WarmStart(*both(random), before(), SPACE, TRIALS)
    asked, _ = carried_out(warm, loss)
    on = warm.wider(*both(random, space=part), wide)
    for values in asked:
        on.tell(values, loss(values), 9)
    new, losses = carried_out(on, loss)
    _, plain = carried_out(random.build(random.Options(), part, 0, TRIALS), loss)
    assert len(new) == TRIALS - PROBES and not [values for values in new if values in asked]
    assert np.median(losses) < 0.7 * np.median(plain)
    on = on.wider(inner(random, space=part), wide)
    for values in asked + new:
        on.tell(values, loss(values), 9)
    assert all(values["rate"] >= 1e-2 and values not in asked + new for values in on.ask(8))


def test_in_wider_ranges_a_ranking_that_was_dropped_stays_dropped():
    warm = WarmStart(*both(random), before(), SPACE, TRIALS)
    assert warm.wider(plain := inner(tpe), inner(random), SPACE) is plain, "no verdict yet"
    carried_out(warm, lambda values: -loss(values))
    assert not warm.verdict.kept and warm.wider(plain, inner(random), SPACE) is plain


def test_what_is_asked_follows_from_seed_and_losses_in_any_batch_after_the_probes():
    runs = [carried_out(WarmStart(*both(tpe), before(), SPACE, TRIALS), loss)[0] for _ in range(2)]
    assert runs[0] == runs[1]


def test_a_caller_that_cannot_wait_for_the_probes_gets_plain_settings_meanwhile():
    warm = WarmStart(*both(random), before(), SPACE, TRIALS)
    plain = inner(random).ask(3)
    probes = warm.ask(8)
    for values in probes[:4]:
        warm.tell(values, loss(values), 9)
    assert warm.ask(3) == plain and warm.verdict is None
    warm.tell(probes[4], loss(probes[4]), 9)
    assert len(warm.ask(2)) == 2 and warm.verdict.kept


def test_a_grid_stays_a_grid_but_for_the_order():
    space = Space({"rate": Words((0.001, 0.01, 0.1, 1.0)), "width": Words((16, 64))})
    known = Before(
        "runs/may", sorted([(own, loss(own)) for own in inner(grid, 8, space).ask(8)], key=lambda p: p[1])
    )
    asked, losses = carried_out(WarmStart(*both(grid, 8, space), known, space, 8), loss)
    assert len(asked) == 8 and {str(own) for own in asked} == {str(own) for own, _ in known.known}
    assert losses[0] == min(losses)


@pytest.mark.parametrize("lost", [range(PROBES), [4], [0]])
def test_failed_probes_are_the_worst(lost):
    warm = WarmStart(*both(random), before(), SPACE, TRIALS)
    for place, values in enumerate(warm.ask(8)):
        warm.tell(values, math.nan if place in lost else loss(values), 9)
    warm.ask(1)
    assert warm.verdict.kept == (list(lost) == [4])
    assert len(warm.evidence()["probes"]) == PROBES


def test_too_few_settings_of_before_are_not_probed():
    warm = WarmStart(*both(random), before(count=4), SPACE, TRIALS)
    assert warm.ask(8) == inner(random).ask(8)
    assert "too few" in warm.evidence()["reason"] and not warm.evidence()["kept"]


def test_a_search_that_begins_from_another_is_asked_in_batches_to_learn_from():
    tune = {"tune.trials": 64, "tune.sampler": "random"}
    assert batch_of(build(tune).tune) == 64
    assert batch_of(build(tune | {"tune.warm_start": "runs/may"}).tune) == 8
    assert batch_of(build(tune | {"tune.warm_start": "runs/may", "tune.batch": 3}).tune) == 3


def test_probes_count_as_trials():
    for trials in (3, 5, 7):
        asked, _ = carried_out(WarmStart(*both(random), before(), SPACE, trials), loss)
        assert len(asked) == trials


def test_by_chance_a_ranking_is_kept_as_often_as_it_says():
    draw = np.random.default_rng(0)
    kept = [concordance(draw.random(5), draw.random(5)).holds for _ in range(400)]
    assert 0.05 <= np.mean(kept) <= 0.14


def test_the_p_value_counts_all_orders():
    orders = list(itertools.permutations([1.0, 2.0, 3.0, 4.0, 5.0]))
    values = [concordance([1.0, 2.0, 3.0, 4.0, 5.0], list(order)).p_value for order in orders]
    assert min(values) == pytest.approx(1 / 120) and max(values) == 1
    assert sum(value <= 0.1 for value in values) <= 12


def test_neighbours_that_change_places_say_little():
    far = concordance([1.0, 1.01, 5.0, 9.0, 9.5], [2.0, 1.0, 3.0, 5.0, 4.0])
    even = concordance([1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 1.0, 3.0, 5.0, 4.0])
    assert far.share > 0.95 > even.share
    assert far.holds


def evaluations(settings, epochs=(3, 9)):
    return [
        Evaluation(Order(number, values, upto, (fold,)), {fold: loss(values) / upto + fold})
        for number, values in enumerate(settings)
        for upto in (epochs if number % 2 else epochs[:1])
        for fold in (0, 1)
    ]


def test_settings_that_the_new_space_does_not_have_are_left_out_and_counted():
    rate, width, dropout = "training.optimizer.learning_rate", "model.width", "model.dropout"
    old = build({"data.target": "y", "model.width": 64})
    settings = [{rate: 0.01, dropout: 0.1}, {rate: 0.01, dropout: 0.3}, {rate: 0.9, dropout: 0.1}]
    told = [Evaluation(Order(n, own, 9, (0,)), {0: float(n)}) for n, own in enumerate(settings)]
    space = Space({rate: Interval(1e-4, 0.1, log=True), width: Words((16, 64))})
    found = before_of("runs/may", told, old, build({"data.target": "y", dropout: 0.1}), space)
    assert found.known == [({rate: 0.01, width: 64}, 0.0)]
    assert found.left_out == 2
    narrow = Space({rate: Interval(1e-4, 0.1, log=True), width: Words((16, 32))})
    assert before_of("", told, old, build({"data.target": "y", dropout: 0.1}), narrow).left_out == 3


def test_options_of_another_optimizer_follow_their_condition():
    name, momentum = "training.optimizer.name", "training.optimizer.momentum"
    space = Space(
        {name: Words(("adam", "sgd")), momentum: Interval(0.5, 0.99)}, {momentum: Condition(name, ("sgd",))}
    )
    old = build({"data.target": "y"})
    settings = [{name: "adam"}, {name: "sgd", momentum: 0.9}, {name: "sgd", momentum: 0.1}]
    told = [Evaluation(Order(n, own, 9, (0,)), {0: float(n)}) for n, own in enumerate(settings)]
    found = before_of("", told, old, old, space)
    assert [values for values, _ in found.known] == settings[:2] and found.left_out == 1


def test_losses_of_several_rungs_and_rounds_of_folds_come_to_one_scale():
    settings = random.build(random.Options(), SPACE, 5, 12).ask(12)
    names = {"rate": "training.optimizer.learning_rate", "width": "model.width"}
    space = Space({names[path]: axis for path, axis in SPACE.items()})
    told = [
        Evaluation(
            Order(
                own.order.trial,
                {names[p]: v for p, v in own.order.values.items()},
                own.order.epochs,
                own.order.folds,
            ),
            own.losses,
        )
        for own in evaluations(settings)
    ]
    old = build({"data.target": "y"})
    found = before_of("", told, old, old, space)
    full = sorted(range(1, 12, 2), key=lambda number: loss(settings[number]))
    ranked = [values[names["rate"]] for values, _ in found.known]
    assert len(ranked) == 12
    assert [rate for rate in ranked if rate in {settings[n]["rate"] for n in full}] == [
        settings[n]["rate"] for n in full
    ]


def test_what_lay_beyond_the_ranges_is_known_where_they_widen():
    rate = "training.optimizer.learning_rate"
    old = build({"data.target": "y"})
    told = [
        Evaluation(Order(n, {rate: own}, 9, (0,)), {0: abs(math.log10(own / 0.05))})
        for n, own in enumerate(np.geomspace(1e-4, 1.0, 13).tolist())
    ]
    narrow, wide = (Space({rate: Interval(1e-4, high, log=True)}) for high in (0.01, 0.1))
    found = before_of("runs/may", told, old, old, narrow)
    assert (len(found.known), found.left_out, len(found.beyond)) == (7, 6, 6)
    assert max(values[rate] for values, _ in found.within(wide)) == pytest.approx(0.1)
    assert found.within(wide)[0][1] < found.known[0][1]
    candidates = [quasi_random.build(quasi_random.Options(), own, 0, 99).ask(99) for own in (narrow, wide)]
    guided = Guided(listed.Sampler(candidates[0], 99), found, narrow, 6, again=0)
    on = guided.wider(listed.Sampler(candidates[1], 99), wide)
    for own in (1e-4, 1e-3, 1e-2):
        on.tell({rate: own}, 3 + abs(math.log10(own / 0.05)), 9)
    assert 0.02 < on.ask(1)[0][rate] <= 0.1
