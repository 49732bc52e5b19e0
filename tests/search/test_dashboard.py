"""Optuna's dashboard opens what a search has written: its web application is asked as a browser would."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import numpy as np
import optuna
import optuna_dashboard
import pytest

from retemper.search.optuna_tables import Row
from retemper.search.space import Condition, Interval, Space, Words
from retemper.search.storage import opened

SPACE = Space(
    {
        "training.optimizer.learning_rate": Interval(1e-4, 1e-1, log=True),
        "model.width": Words((16, 64)),
        "training.optimizer.momentum.momentum": Interval(0.5, 0.99),
    },
    {"training.optimizer.momentum.momentum": Condition("model.width", (64,))},
)
RATE, WIDTH, _ = SPACE
Get = Callable[[str], Any]


def rows() -> list[Row]:
    """40 trials, of which one failed and one is still running; every second has a momentum."""
    rng = np.random.default_rng(0)
    made = []
    for k in range(40):
        values = SPACE.at(rng.random(3))
        loss = abs(np.log10(values[RATE]) + 2) + 0.01 * rng.random()
        state = {38: "fail", 39: "running"}.get(k, "complete")
        made.append(
            Row(k, values, state, loss if state == "complete" else math.nan, [2 * loss, loss], {"folds": 3})
        )
    return made


@pytest.fixture
def get(tmp_path: Path) -> Iterator[Get]:
    """Asks the dashboard over the database for a path, and reads its JSON."""
    with opened(tmp_path / "trials.db", "search", SPACE) as storage:
        storage.write(rows())
    own = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'trials.db'}")
    app = optuna_dashboard.wsgi(own)

    def ask(path: str) -> Any:
        environ: dict[str, Any] = {
            "PATH_INFO": path.partition("?")[0],
            "QUERY_STRING": path.partition("?")[2],
        }
        setup_testing_defaults(environ)
        environ["wsgi.input"] = io.BytesIO()
        said: list[str] = []
        body = b"".join(app(environ, lambda status, headers, exc_info=None: said.append(status)))
        assert said == ["200 OK"], (path, said, body[:500])
        return json.loads(body)

    yield ask
    own.remove_session()
    own.engine.dispose()


def test_the_study_is_listed_and_its_trials_are_shown(get: Get) -> None:
    (summary,) = get("/api/studies")["study_summaries"]
    assert summary["study_name"] == "search" and summary["directions"] == ["minimize"]
    study = get(f"/api/studies/{summary['study_id']}")
    shown = {own["number"]: own for own in study["trials"]}
    assert sorted(shown) == list(range(40))
    for row in rows():
        own = shown[row.number]
        assert own["state"] == {"fail": "Fail", "running": "Running"}.get(row.state, "Complete")
        told = {param["name"]: param["param_external_value"] for param in own["params"]}
        assert told.keys() == row.values.keys()
        assert float(told[RATE]) == pytest.approx(row.values[RATE])
        if row.state == "complete":
            assert own["values"] == [pytest.approx(row.loss)]
    assert {own["name"] for own in study["intersection_search_space"]} == {RATE, WIDTH}
    assert {own["name"] for own in study["union_search_space"]} == set(SPACE)


def test_importances_can_be_asked_for(get: Get) -> None:
    number = get("/api/studies")["study_summaries"][0]["study_id"]
    (found,) = get(f"/api/studies/{number}/param_importances")["param_importances"]
    by_name = {own["name"]: own["importance"] for own in found}
    assert by_name[RATE] > 0.9 and by_name.keys() == set(SPACE)
