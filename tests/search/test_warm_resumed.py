"""A search that began from an earlier one and was killed goes on, and asks no model for what it knows."""

import pytest

from retemper.search import guided
from retemper.search.fidelities import Extent, full
from retemper.search.guided import CANDIDATES
from retemper.search.journal import Journal
from retemper.search.optuna_model import OptunaModel
from retemper.search.samplers import quasi_random, random, tpe
from retemper.search.study import Study
from retemper.search.trials import Evaluation
from retemper.search.warm import WarmStart

from .test_warm import SPACE, TRIALS, before, carried_out, inner, loss


class Formula:
    """Evaluates ``told`` for so many orders, then is killed."""

    def __init__(self, told, most=10**9):
        self.told, self.left = told, most

    def evaluate(self, orders):
        for order in orders:
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            yield [Evaluation(order, {0: self.told(order.values)})]

    def recall(self, evaluations):
        pass


@pytest.fixture
def asked_models(monkeypatch):
    """How often a model was fitted or asked."""
    count = [0]

    def counted(real):
        def call(*given, **named):
            count[0] += 1
            return real(*given, **named)

        return call

    monkeypatch.setattr(guided, "fitted", counted(guided.fitted))
    monkeypatch.setattr(OptunaModel, "propose", counted(OptunaModel.propose))
    return count


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize("kind", [random, tpe])
def test_a_killed_search_goes_on_with_the_same_settings_and_asks_no_model_again(
    kind, holds, tmp_path, asked_models
):
    def searched(name, most=10**9):
        own = kind.build(
            kind.Options(**({"startup": 6} if kind is tpe else {})), SPACE, 0, TRIALS * CANDIDATES
        )
        candidates = random.build(random.Options(), SPACE, 5, TRIALS * CANDIDATES)
        told = loss if holds else lambda values: -loss(values)
        study = Study(
            WarmStart(own, candidates if kind is tpe else own, before(), SPACE, TRIALS),
            Formula(told, most),
            Journal(tmp_path / name),
        )
        trials = study.run(full.plan(full.Options(), study, Extent(9, (0,), 4)))
        return [(trial.values, trial.loss) for trial in trials]

    expected = searched("whole")
    for killed_after in (3, 14):
        with pytest.raises(KeyboardInterrupt):
            searched(f"{killed_after}", killed_after)
        assert searched(f"{killed_after}") == expected
    asked_models[0] = 0
    assert searched("whole", most=0) == expected
    modelled = holds or kind is tpe
    assert asked_models[0] == modelled, "once, to see that it is the same"


def test_settings_of_before_that_are_no_longer_named_are_not_believed(asked_models):
    """Another list of candidates leads to other choices, whatever a journal says."""
    known, plain = before(), inner(random)
    asked, _ = carried_out(WarmStart(plain, plain, known, SPACE, TRIALS), loss)
    others = [WarmStart(*[inner(quasi_random)] * 2, known, SPACE, TRIALS) for _ in range(2)]
    found = []
    for warm, told in zip(others, (asked, [None] * TRIALS), strict=True):
        found.append([])
        while new := warm.ask_again(told[len(found[-1]) : len(found[-1]) + 4]):
            for values in new:
                warm.tell(values, loss(values), 9)
            found[-1] += new
    assert found[0] == found[1] != asked
