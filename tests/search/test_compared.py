"""Which trials are comparable: as long, on the same folds, whatever came back in how many rounds."""

import math

import pytest

from retemper.search.compared import bounded, compared_of
from retemper.search.trials import Evaluation, Order, Trial


def raced(number, *rounds):
    """A trial whose folds came back in rounds; None: that round crashed."""
    done, folds = [], 0
    for losses in rounds:
        own = tuple(range(folds, folds + (1 if losses is None else len(losses))))
        order = Order(number, {}, 5, own)
        error = {"code": "training_crashed"} if losses is None else None
        done.append(Evaluation(order, dict(zip(own, losses or (), strict=False)), error=error))
        folds += len(own)
    return Trial(number, {}, tuple(done))


def test_folds_of_several_rounds_count_together():
    found = compared_of([raced(k, (0.5, 0.1 * k), (1.0,)) for k in range(10)])
    assert found.folds == 3
    assert found.loss.tolist() == pytest.approx([(1.5 + 0.1 * k) / 3 for k in range(10)])


def test_the_first_folds_are_compared_where_few_trained_on_more():
    found = compared_of([raced(k, (0.5, 0.1 * k), *([(9.0,)] if k < 3 else [])) for k in range(10)])
    assert found.folds == 2 and found.loss.max() == pytest.approx(0.7)


def test_who_crashed_is_left_out_and_who_diverged_is_the_worst():
    found = compared_of([raced(0, (0.1, 0.2), (0.3,)), raced(1, (0.1, 0.2), None), raced(2, None)])
    assert [trial.number for trial in found.trials] == [0, 1] and found.folds == 2
    found = compared_of([raced(0, (0.1,)), raced(1, (math.nan,))])
    assert found.lost == 1 and bounded(found.loss).tolist() == [0.1, 0.1]
