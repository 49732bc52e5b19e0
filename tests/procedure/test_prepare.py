"""Of many rows the columns are fitted on some; what holds for training rows alone is worked out window by window."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.core.recipe import build
from retemper.data.read import read
from retemper.data.schema import infer
from retemper.data.split import split
from retemper.procedure import prepare as preparing
from retemper.procedure.prepare import Prepared, prepare, rows_to_fit

ROWS, FITTED = 2000, 400


@dataclass
class Spied:
    """A frame that notes how many rows it is asked for at once."""

    frame: pl.DataFrame
    asked: list[int] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.frame, name)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, np.ndarray):
            self.asked.append(len(key))
        return self.frame[key]


def _table() -> pl.DataFrame:
    draw = np.random.default_rng(0)
    city = draw.integers(40, size=ROWS)
    x = draw.normal(size=ROWS)
    x[::50] = 1e4
    y = draw.normal(size=40)[city] + draw.normal(size=ROWS)
    return pl.DataFrame({"city": [f"c{k}" for k in city], "x": x, "y": y})


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(preparing, "FIT_ROWS", FITTED)
    monkeypatch.setattr(preparing, "WINDOW_ROWS", 150)

    def make(**options: Any) -> tuple[Prepared, Any, Any]:
        recipe = build({"data": {"target": "y", "kinds": {"city": "category"}}, "prepare": options})
        table = read(_table())
        schema = infer(table, recipe.data)
        splits = split(table, schema, recipe.split, recipe.seed)
        frame: Any = Spied(table.frame)
        done = prepare(frame, schema, recipe, splits.train, splits.validation, tmp_path / "arrays")
        assert max(frame.asked) <= FITTED, "so many rows at once are more than are fitted on"
        fitted_on = np.isin(splits.train, rows_to_fit(splits.train, recipe))
        assert fitted_on.sum() == FITTED < len(splits.train)
        return done, table.frame[splits.train], fitted_on

    return make


def test_only_rows_that_were_fitted_on_need_means_without_their_own_target(prepared: Any) -> None:
    done, cells, fitted_on = prepared(constructed=["group_mean"], one_hot_levels=8)
    served = done.preparer.transform(cells).dense
    column = done.preparer.number_names.index("mean of y by city")
    told, plain = done.arrays.train.dense[:, column], served[:, column]
    assert np.array_equal(told[~fitted_on], plain[~fitted_on])
    assert (told[fitted_on] != plain[fitted_on]).mean() > 0.9
    y = cells["y"].to_numpy()
    own = [np.corrcoef(values[fitted_on], y[fitted_on])[0, 1] for values in (told, plain)]
    assert own[0] < own[1] - 0.05, "their own targets are in the fitted means"
    others = [k for k in range(served.shape[1]) if k < column]
    assert np.array_equal(done.arrays.train.dense[:, others], served[:, others])


@pytest.mark.parametrize("kind", ["drop", "isolation_forest"])
def test_rows_are_left_out_by_what_the_fitted_rows_say(prepared: Any, kind: str) -> None:
    done, cells, fitted_on = prepared(outliers=kind, outlier_share=0.02)
    far = cells["x"].to_numpy() > 1e3
    weight = done.arrays.train.weight
    assert (weight[far] == 0).mean() > 0.8 and (weight[far & ~fitted_on] == 0).any()
    assert (weight[~far] == 0).mean() < 0.02
    assert (done.arrays.validation.weight == 1).all()
