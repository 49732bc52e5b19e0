"""What came back is on the disk: curves are read from there, and a line that a kill cut off costs no other."""

import json
import math
import sys
import tracemalloc
from pathlib import Path

from retemper.search.journal import CurvesOnDisk, Journal, evaluations_in
from retemper.search.trials import Evaluation, Order


def evaluation(trial: int, epochs: int = 3) -> Evaluation:
    order = Order(trial, {"rate": 0.1 * trial, "widths": (8, 8)}, epochs, (0, 1))
    curves = {
        0: tuple(0.1 * trial + 1 / (k + 1) for k in range(epochs)),
        1: (0.5,) * (epochs - 1) + (math.nan,),
    }
    losses = {0: 0.3 + trial, 1: math.nan}
    return Evaluation(order, losses, curves, {0: {"accuracy": 0.9}}, 6, 1.5, {0: "a", 1: "b"}, {"code": "x"})


def plain(own: Evaluation) -> str:
    """Everything but the setting's tuples, which JSON makes lists of; NaN is NaN."""
    return repr((own.order.key, own.losses, dict(own.curves), own.scores, own.places, own.error, own.seconds))


def test_what_is_kept_is_what_was_given(tmp_path: Path) -> None:
    given = [evaluation(k, 3 + k) for k in range(4)]
    journal = Journal(tmp_path / "t.jsonl")
    kept = [*journal.add(given[:3]), *journal.add(given[3:])]
    opened = list(Journal(tmp_path / "t.jsonl"))
    read = list(evaluations_in((tmp_path / "t.jsonl").read_bytes()))
    for found in (kept, list(journal), opened, read):
        assert list(map(plain, found)) == list(map(plain, given))
    assert next(iter(opened[2].curves.values())) == opened[2].curves[0] == given[2].curves[0]
    assert len(opened[2].curves) == 2 and list(opened[2].curves) == [0, 1]
    assert plain(Journal(None).add(given)[0]) == plain(given[0])


def test_curves_take_no_memory_however_long_they_are(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "t.jsonl")
    short, long = (journal.add([evaluation(k, epochs)])[0].curves for k, epochs in enumerate((2, 2000)))
    assert isinstance(short, CurvesOnDisk) and sys.getsizeof(long) == sys.getsizeof(short) < 100
    assert len(long[0]) == 2000
    one, other = journal.add([evaluation(3), evaluation(4)])
    assert one.places is other.places, "trials of one stack share the text of their places"


def test_an_evaluation_takes_less_than_a_kilobyte(tmp_path: Path) -> None:
    """Of ten folds, its setting left out, which the trial has."""
    count, folds = 300, tuple(range(10))

    def given(trial: int) -> Evaluation:
        order = Order(trial, values, 3, folds)
        losses = {fold: 0.5 + 1 / (trial + fold + 1) for fold in folds}
        return Evaluation(
            order, losses, dict.fromkeys(folds, (0.5, 0.4, 0.3)), places=dict.fromkeys(folds, "a")
        )

    values = {"rate": 0.1}
    journal = Journal(tmp_path / "t.jsonl")
    journal.add([given(0)])
    tracemalloc.start()
    try:
        for trial in range(1, count + 1):
            journal.add([given(trial)])
        assert tracemalloc.get_traced_memory()[0] / count < 1000
    finally:
        tracemalloc.stop()
    one, other = list(Journal(tmp_path / "t.jsonl"))[-2:]
    assert all(a is b for a, b in zip(one.order.values, other.order.values, strict=True))
    assert one.losses == given(count - 1).losses and one.losses != other.losses


def test_a_line_that_was_cut_off_is_forgotten_and_the_next_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    Journal(path).add([evaluation(0), evaluation(1)])
    path.write_bytes(path.read_bytes()[:-7])
    journal = Journal(path)
    assert [own.order.trial for own in journal] == [0]
    kept = journal.add([evaluation(5)])
    assert plain(kept[0]) == plain(evaluation(5))
    assert [json.loads(line)["order"]["trial"] for line in path.read_text().splitlines()] == [0, 5]


def test_it_knows_the_settings_of_an_earlier_session_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    journal = Journal(path)
    journal.add([evaluation(2)])
    assert journal.setting(2) is None
    again = Journal(path)
    assert again.setting(2) == {"rate": 0.2, "widths": [8, 8]} and again.setting(1) is None
    order = evaluation(2).order
    found = again.find(order)
    assert found is not None and found.order is order, "the setting is in memory once"
    assert again.find(Order(2, {"rate": 0.7}, 3, (0, 1))) is None
