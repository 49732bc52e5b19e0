"""What words speak for: by the counts of other rows, and nothing where there is nothing."""

import json

import numpy as np
import polars as pl
import pytest

from retemper.core.prepare_options import PrepareOptions
from retemper.core.recipe_sections import DataOptions
from retemper.data.features.goal import Goal
from retemper.data.prepare import Preparer
from retemper.data.read import read
from retemper.data.schema import infer
from retemper.data.text import TextWords

DRAW = np.random.default_rng(0)
FILLER = [f"w{k}" for k in range(200)]
N = 400


def _texts(telling: list[str]) -> pl.Series:
    """Eight words of filler in each row, and one that tells."""
    rows = [" ".join([*DRAW.choice(FILLER, 8), word]) for word in telling]
    return pl.Series("t", rows)


def _auc(score: np.ndarray, positive: np.ndarray) -> float:
    return float((score[positive][:, None] > score[~positive][None]).mean())


def test_words_that_tell_speak_out_of_fold_too() -> None:
    y = DRAW.integers(2, size=N)
    goal = Goal("y", ("bad", "good"), y)
    texts = _texts([DRAW.choice([f"{'good' if k else 'bad'}{i}" for i in range(5)]) for k in y])
    own = TextWords.fit(texts, 2, goal)
    assert own.spoken_names == ["t for y=good"] and own.speaking is not None
    found = own.speaking.out_of_fold(own.counts(texts).sign(), goal)[:, 0]
    assert _auc(found, y == 1) > 0.99


def test_words_without_meaning_do_not_speak() -> None:
    y = DRAW.integers(2, size=N)
    goal = Goal("y", ("a", "b"), y)
    texts = _texts(["w0"] * N)
    own = TextWords.fit(texts, 2, goal)
    assert own.speaking is not None
    counts = own.counts(texts)
    assert _auc(own.spoken(counts)[:, 0], y == 1) > 0.9, "rows that were fitted on know themselves"
    assert abs(_auc(own.speaking.out_of_fold(counts.sign(), goal)[:, 0], y == 1) - 0.5) < 0.1


def test_pairs_of_words_speak() -> None:
    """'not good' and 'not bad' hold the same words as 'good' and 'bad' do elsewhere."""
    says = [("not good", 0), ("not bad", 1), ("so good", 1), ("so bad", 0)] * 50
    texts = pl.Series("t", [f"it was {words} really" for words, _ in says])
    y = np.array([k for _, k in says])
    own = TextWords.fit(texts, 2, Goal("y", ("a", "b"), y))
    spoken = own.spoken(own.counts(texts))[:, 0]
    assert (spoken[y == 1].min() > 0) and (spoken[y == 0].max() < 0)


def test_a_regressions_sides_are_its_quartiles() -> None:
    y = DRAW.normal(size=N)
    texts = _texts(["high" if v > 0 else "low" for v in y])
    own = TextWords.fit(texts, 2, Goal("y", (), y))
    assert len(own.spoken_names) == 3 and own.spoken_names[1].startswith("t for y>")
    assert np.corrcoef(own.spoken(own.counts(texts))[:, 1], y > 0)[0, 1] > 0.9


@pytest.mark.parametrize("classes", [2, 5, 40])
def test_preparer_with_text_round_trip(classes: int) -> None:
    y = [f"c{k % classes}" for k in range(N)]
    frame = pl.DataFrame({"t": _texts([f"says{k % classes}" for k in range(N)]), "y": y})
    table = read(frame)
    schema = infer(table, DataOptions(target="y"))
    assert schema.columns[0].kind == "text"
    preparer = Preparer.fit(table.frame, schema, PrepareOptions())
    assert len(preparer.spoken) == {2: 1, 5: 5, 40: 32}[classes]
    back = Preparer.from_json(json.loads(json.dumps(preparer.to_json(), allow_nan=False)))
    assert back.transform(frame).dense.tobytes() == preparer.transform(frame).dense.tobytes()
    told = preparer.out_of_fold(table.frame, schema)
    assert told is not None and told.shape == (N, len(preparer.told))
    assert not np.array_equal(preparer.transform(frame, told).dense, preparer.transform(frame).dense)
    empty = preparer.transform(pl.DataFrame({"t": [None, "", "zzz"]}))
    assert np.isfinite(empty.dense).all()


def test_folds_are_told_nothing_of_their_own_words() -> None:
    """With the words of known rows only, a row that is not known has no say, not even for the others."""
    y = DRAW.integers(2, size=N)
    texts = _texts(["w0"] * N)
    own = TextWords.fit(texts, 2, Goal("y", ("a", "b"), y))
    known = np.arange(N) % 4 > 0
    present = own.counts(texts).sign()
    assert own.speaking is not None
    one = own.speaking.out_of_fold(present, Goal("y", ("a", "b"), y), known)
    other = own.speaking.out_of_fold(present, Goal("y", ("a", "b"), np.where(known, y, 1 - y)), known)
    assert np.array_equal(one, other)


def test_without_text_scores_the_target_says_nothing_of_words() -> None:
    y = DRAW.integers(2, size=N)
    table = read(pl.DataFrame({"t": _texts([f"{'good' if k else 'bad'}" for k in y]), "y": y}))
    schema = infer(table, DataOptions(target="y"))
    told = Preparer.fit(table.frame, schema, PrepareOptions())
    silent = Preparer.fit(table.frame, schema, PrepareOptions(text_scores=False))
    assert told.told and not silent.told
    assert set(told.feature_names) - set(silent.feature_names) == {"t for y=1", "t for y=1:place"}
    assert silent.texts[0].words == told.texts[0].words, "frequent words stay"
