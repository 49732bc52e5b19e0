"""What thousands of trials leave in result.json: a short list with the front and every new best, true counts."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from retemper.core.recipe import build
from retemper.core.records import to_json
from retemper.models.layers.inputs import InputShape
from retemper.procedure import search_evidence
from retemper.procedure.pace import Pace
from retemper.procedure.search_evidence import BEST_MODELS, OTHER_MODELS, evidence_of, summary
from retemper.search.learnt import Learnt
from retemper.search.space import Interval, Space
from retemper.search.trials import Evaluation, Order, Trial, ranked

SPACE = Space({"model.width": Interval(8, 4000, integer=True), "model.dropout": Interval(0.0, 0.5)})
COUNT, WIDTHS = 3000, 600


class CountedPace(Pace):
    """Counts the models that are priced."""

    asked = 0

    def products(self, model: dict[str, Any]) -> float:
        self.asked += 1
        return super().products(model)


def test_a_long_search_leaves_a_short_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wider is better here, and there are more widths than are priced."""
    monkeypatch.setattr(search_evidence, "learnt", lambda space, trials, seed: Learnt())  # takes seconds
    evaluations = []
    for k in range(COUNT):
        values = {"model.width": 8 + (7 * k) % WIDTHS, "model.dropout": 0.5 * k / COUNT}
        loss = 10 / (50 + values["model.width"]) + 1e-9 * k
        evaluations.append(
            Evaluation(Order(k, values, 3, (0, 1)), {0: loss, 1: loss + 0.001}, trained_epochs=6)
        )
    trials = ranked(Trial(own.order.trial, own.order.values, (own,)) for own in evaluations)
    pace = CountedPace(100, 30, 2, InputShape(4, 4))
    book: Any = SimpleNamespace(pace=pace)
    state: Any = SimpleNamespace(recipe=build({"model": "mlp", "tune.epochs": 3}))
    found = evidence_of(book, state, SPACE, trials, evaluations)
    listed = {own["number"] for own in found["trials"]}
    assert len(listed) < 2000 and len(listed) + found["left_out"]["sound"] == COUNT
    assert pace.asked == BEST_MODELS + OTHER_MODELS
    assert found["front"]["best"] == trials[0].number and len(found["front"]["members"]) > 30
    assert {*found["front"]["members"], *(own["trial"] for own in found["course"]["best"])} <= listed
    assert found["course"]["spent_epochs"] == 6 * COUNT
    assert summary(trials, found)["best_loss"] == trials[0].loss
    assert len(json.dumps(to_json(found))) < 1_000_000
