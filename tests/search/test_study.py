"""A study that was killed goes on with the same bits, and asks its sampler for nothing that it knows."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from retemper.core import catalogue
from retemper.search.fidelities import Extent, full, halving
from retemper.search.journal import Journal
from retemper.search.optuna_model import OptunaModel
from retemper.search.space import Condition, Interval, Space, Words
from retemper.search.study import Study
from retemper.search.trials import Evaluation, Order, Trial

SPACE = Space(
    {
        "rate": Interval(1e-4, 1.0, log=True),
        "kind": Words(("adam", "sgd")),
        "momentum": Interval(0.5, 0.99),
        "widths": Words(((8,), (8, 8), None)),
    },
    {"momentum": Condition("kind", ("sgd",))},
)
SMALL = Space({"a": Words((1, 2, 3, 4, 5)), "b": Interval(0, 4, integer=True)})
"""Of 25 settings a model soon names none that is new."""


class Killed(Exception):
    """Stands in for a signal."""


class Formula:
    """Answers in portions, the last of a round first; is killed after so many."""

    def __init__(self, most: int = 10**9) -> None:
        self.left, self.orders = most, 0

    def evaluate(self, orders: Sequence[Order]) -> Iterator[list[Evaluation]]:
        for first in range(len(orders) - 3, -3, -3):
            part = orders[max(0, first) : first + 3]
            if self.left < len(part):
                raise Killed
            self.left -= len(part)
            self.orders += len(part)
            yield [Evaluation(own, {0: loss(own)}, {0: (loss(own),) * own.epochs}) for own in part]

    def recall(self, evaluations: Sequence[Evaluation]) -> None:
        """Nothing is kept."""


def loss(order: Order) -> float:
    values = order.values
    if "a" in values:
        return float(values["a"] * values["b"]) + 1 / order.epochs
    far = abs(math.log10(values["rate"]) + 2) + values.get("momentum", 1.0) + 1 / order.epochs
    return far if values["rate"] < 0.6 else math.nan


def searched(
    path: Path,
    name: str,
    space: Space,
    evaluator: Formula,
    fidelity: Any = full,
    trials: int = 48,
    **options: Any,
) -> list[Trial]:
    module = catalogue.entry("sampler", name)
    seed = options.pop("seed", 0)
    learns = {"startup": 6} if name in ("tpe", "gp", "bayes") else {}
    sampler = module.build(module.Options(**learns | options), space, seed, trials)
    study = Study(sampler, evaluator, Journal(path))
    return study.run(fidelity.plan(fidelity.Options(), study, Extent(4, (0,), 12)))


def told(trials: Sequence[Trial]) -> str:
    """NaN is NaN."""
    return repr([(own.number, own.values, own.loss, len(own.evaluations)) for own in trials])


@pytest.fixture
def proposals(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the trials for which a model was asked."""
    numbers: list[int] = []
    propose = OptunaModel.propose

    def counted(own: OptunaModel, number: int, attempt: int) -> Any:
        numbers.append(number)
        return propose(own, number, attempt)

    monkeypatch.setattr(OptunaModel, "propose", counted)
    return numbers


@pytest.mark.parametrize(
    ("name", "trials", "fidelity"),
    [
        ("tpe", 48, full),
        ("tpe", 48, halving),
        ("gp", 14, full),
        ("quasi_random", 48, halving),
        ("random", 48, full),
    ],
)
def test_a_killed_study_goes_on_with_the_same_bits(
    name: str, trials: int, fidelity: Any, tmp_path: Path, proposals: list[int]
) -> None:
    space = SPACE if name != "gp" else Space({"rate": SPACE["rate"], "drop": Interval(0.0, 1.0)})
    whole = Formula()
    expected = told(searched(tmp_path / "whole", name, space, whole, fidelity, trials))
    for kill in (1, whole.orders // 2, whole.orders - 2):
        path, killed, rest = tmp_path / f"killed-{kill}", Formula(kill), Formula()
        with pytest.raises(Killed):
            searched(path, name, space, killed, fidelity, trials)
        assert told(searched(path, name, space, rest, fidelity, trials)) == expected
        assert killed.orders + rest.orders == whole.orders, "no trial is lost, none is trained twice"
    proposals.clear()
    assert told(searched(tmp_path / "whole", name, space, Formula(0), fidelity, trials)) == expected
    assert len(proposals) == (1 if name in ("tpe", "gp") else 0), (
        "one is asked for anew, to see that it is the same"
    )


def test_where_the_model_finds_nothing_new_a_resumed_study_finds_the_same(
    tmp_path: Path, proposals: list[int]
) -> None:
    expected = told(searched(tmp_path / "whole", "tpe", SMALL, Formula(), trials=25))
    assert len(set(proposals)) < len(proposals), "some of its proposals were refused"
    for kill in (13, 20):
        path = tmp_path / f"killed-{kill}"
        with pytest.raises(Killed):
            searched(path, "tpe", SMALL, Formula(kill), trials=25)
        assert told(searched(path, "tpe", SMALL, Formula(), trials=25)) == expected


@pytest.mark.parametrize("other", [{"seed": 1}, {"candidates": 5}])
def test_a_journal_of_another_study_is_not_believed(other: dict[str, int], tmp_path: Path) -> None:
    fresh = told(searched(tmp_path / "fresh", "tpe", SPACE, Formula()))
    searched(tmp_path / "other", "tpe", SPACE, Formula(), **other)
    assert told(searched(tmp_path / "other", "tpe", SPACE, Formula())) == fresh
