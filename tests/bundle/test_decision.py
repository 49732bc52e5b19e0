"""What a model adds to its outputs: a threshold, intervals, sets; kept by the bundle, refused where absent."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.bundle.load import load
from retemper.core.errors import InputError
from retemper.evaluation.conformal import Intervals, Quantiles
from retemper.evaluation.decision import Decision
from retemper.evaluation.difficulty import Difficulty, features_of, fit_difficulty
from retemper.evaluation.threshold import Threshold

SCORES = Quantiles.of(np.linspace(0, 2, 99))


@pytest.mark.parametrize("kind", ["constant", "spread", "boosted"])
def test_intervals_follow_their_difficulty_and_come_back_from_disk(
    table: Any, model_for: Any, tmp_path: Path, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = table(rows=300, target="numbers")
    model = model_for(frame)
    values = model.outputs(frame)
    inputs = model.preparer.transform(frame)
    each = [replace(model, parts=(replace(part, weight=1.0),)).outputs(frame) for part in model.parts]
    weights = np.array([part.weight for part in model.parts])[:, None]
    spread = (
        np.sqrt((weights * (np.stack(each) - values) ** 2).sum(0))
        / model.target_codec.scaler.to_json()["scale"][0]
    )
    features = features_of(model.preparer.encoded(inputs), values, spread)
    difficulty = fit_difficulty(kind, features, frame["y"].to_numpy() - values, 0)
    model = replace(model, decision=Decision(intervals=Intervals(SCORES, difficulty)))
    monkeypatch.setattr("retemper.bundle.chunks.CHUNK_ROWS", 128)
    ends = model.predict_interval(frame, 0.5)
    half = SCORES.at(0.5) * difficulty(features)
    close = np.isclose(ends, np.stack([values - half, values + half], 1), rtol=1e-4)
    assert close.mean() > 0.99  # a tree may put a rounded feature on the other side of a threshold
    assert np.array_equal(model.predict_interval(frame), model.predict_interval(frame, 0.9))
    found = model.prediction_frame(frame, 0.5)
    assert found.columns == ["prediction", "prediction_low", "prediction_high"]
    assert np.array_equal(found["prediction"].to_numpy(), model.outputs(frame))
    model.save(tmp_path)
    assert load(tmp_path).prediction_frame(frame, 0.5).equals(found)


def test_a_threshold_decides_and_probabilities_stay(table: Any, model_for: Any, tmp_path: Path) -> None:
    frame = table(target="integers")
    plain = model_for(frame)
    p = plain.predict_proba(frame)
    cut = float(np.quantile(p[:, 1], 0.9))
    model = replace(plain, decision=Decision(Threshold(1, cut)))
    assert np.array_equal(model.predict_proba(frame), p)
    expected = np.where(p[:, 1] >= cut, plain.target_codec.labels[1], plain.target_codec.labels[0])
    assert model.predict(frame).tolist() == expected.tolist() != plain.predict(frame).tolist()
    assert model.prediction_frame(frame)["prediction"].to_list() == expected.tolist()
    model.save(tmp_path)
    assert load(tmp_path).predict(frame).tolist() == expected.tolist()


def test_sets_hold_the_targets_own_labels(table: Any, model_for: Any) -> None:
    frame = table(target="words")
    model = replace(
        model_for(frame), decision=Decision(sets=Quantiles.of(np.linspace(0, 1, 99)), coverage=0.6)
    )
    p, sets = model.predict_proba(frame), model.predict_set(frame)
    names = np.array(model.classes)
    for row, own in zip(p, sets, strict=True):
        inside = (1 - row <= 0.6 + 1e-9) | (row == row.max())
        assert own == [
            name for name in names[np.argsort(-row, kind="stable")] if inside[list(names).index(name)]
        ]
    found = model.prediction_frame(frame, 0.6)
    assert found["prediction_set"].to_list() == sets and found.schema["prediction_set"] == pl.List(pl.String)
    assert "prediction_set" not in model.prediction_frame(frame).columns


@pytest.mark.parametrize("target", ["words", "numbers"])
def test_without_a_decision_intervals_are_refused(table: Any, model_for: Any, target: str) -> None:
    frame = table(target=target)
    model = model_for(frame)
    asked = (model.predict_interval, model.predict_set, lambda f: model.prediction_frame(f, 0.9))
    for ask in asked:
        with pytest.raises(InputError) as caught:
            ask(frame)
        assert caught.value.code == "no_intervals"


def test_no_rows_have_no_intervals(table: Any, model_for: Any) -> None:
    frame = table(target="numbers")
    model = replace(
        model_for(frame), decision=Decision(intervals=Intervals(SCORES, Difficulty("spread", 0.1)))
    )
    assert model.predict_interval(frame[:0], 0.9).shape == (0, 2)
    assert model.prediction_frame(frame[:0], 0.9).height == 0
