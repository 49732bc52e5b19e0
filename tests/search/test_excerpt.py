"""Thousands of trials: the best, some of every rank, some failures, and a true count of the rest."""

import math
from itertools import pairwise

from retemper.search.excerpt import BEST, LOST, MOST, SPREAD, excerpt
from retemper.search.trials import Evaluation, Order, Trial

ERROR = {"code": "diverged", "message": "It diverged.", "advice": "Lower the rate."}


def trial(number: int, loss: float) -> Trial:
    order = Order(number, {"rate": 0.1}, 3, (0,))
    return Trial(
        number, order.values, (Evaluation(order, {0: loss}, error=ERROR if math.isnan(loss) else None),)
    )


def test_few_are_all_listed() -> None:
    trials = [trial(k, float(k)) for k in range(MOST)]
    found = excerpt(trials)
    assert found.trials == trials and found.left_out == {}


def test_of_many_the_best_some_of_every_rank_and_what_is_needed() -> None:
    trials = [*(trial(k, float(k)) for k in range(9000)), *(trial(k, math.nan) for k in range(9000, 10_000))]
    found = excerpt(trials, needed={8999, 5003, 9777})
    numbers = [own.number for own in found.trials]
    assert numbers[:BEST] == list(range(BEST)) and numbers == sorted(numbers)
    assert {8999, 5003, 9777} <= set(numbers)
    others = [number for number in numbers if BEST <= number < 9000]
    assert len(others) in (SPREAD, SPREAD + 1)
    # 8,500 ranks, a thousand of them.
    assert max(after - before for before, after in pairwise(others)) <= 9
    lost = sum(not own.sound for own in found.trials)
    assert LOST <= lost <= LOST + 1
    left = found.left_out
    assert left["sound"] + left["lost"] + len(numbers) == 10_000 and left["lost"] == 1000 - lost
    assert left["faults"] == [ERROR | {"count": 1000 - lost}]
