"""Windows change nothing in what the test rows are told."""

from typing import Any

import numpy as np
import pytest

from retemper.procedure import baselines, calibrate, ensemble, test_rows, train_long
from retemper.procedure.test_once import model_of
from retemper.procedure.test_rows import answered


@pytest.mark.parametrize("kind", ["prices", "two_classes"])
def test_in_windows_as_at_once(bench: Any, tables: Any, monkeypatch: Any, kind: str) -> None:
    regression = kind == "prices"
    frame = getattr(tables, kind)(360)
    target = "price" if regression else "y"
    group = {"data.group": "site"}
    frame = frame.with_columns(site=np.arange(len(frame)) % 90)
    desk, state = bench(frame, target, group)
    state, _ = desk.do(baselines, state)
    for step in (train_long, ensemble, calibrate):
        state, _ = desk.do(step, state)
    rows = state.splits.open_test()
    model = model_of(state)
    whole = answered(state, model, rows)
    monkeypatch.setattr(test_rows, "WINDOW_ROWS", 25)
    parts = answered(state, model, rows)
    assert len(rows) > 60 and (whole.ends is not None) == regression
    for name in ("y", "weight", "group", "outputs", "ends"):
        one, other = getattr(whole, name), getattr(parts, name)
        assert one is other is None or np.allclose(one, other, rtol=1e-5, atol=1e-6), name
    assert list(whole.predicted) == list(parts.predicted) and len(parts.predicted) == 3
    for name, own in whole.predicted.items():
        assert np.allclose(own, parts.predicted[name], rtol=1e-6)
