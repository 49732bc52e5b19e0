"""Permutation importance: the right size, intervals that cover, columns that go together."""

import numpy as np
import polars as pl
import pytest

from retemper.evaluation.bands import associations, bands_of
from retemper.evaluation.held_out import HeldOut
from retemper.evaluation.importance import permutation_importance, relations, screened, together

SIMULATIONS = 120


def line(rows, seed, noise=0.5):
    """y = 2a + b + noise, c is nothing; the model knows the truth."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 3))
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2]})
    y = 2 * x[:, 0] + x[:, 1] + noise * draw.normal(size=rows)
    kinds = dict.fromkeys("abc", "number")
    return HeldOut(frame, y, "regression", lambda f, _: 2 * f["a"].to_numpy() + f["b"].to_numpy(), kinds)


def test_the_rise_is_what_theory_says_and_the_interval_covers_it():
    # Permuting a adds 2·Var(2a) = 8 to the mean square error of .25, permuting b adds 2.
    truth = {"a": np.sqrt(8.25) - 0.5, "b": np.sqrt(2.25) - 0.5}
    hits = dict.fromkeys(truth, 0)
    for seed in range(SIMULATIONS):
        for own in permutation_importance(line(150, seed), [("a",), ("b",)], 3, 200, seed):
            hits[own.columns[0]] += own.low <= truth[own.columns[0]] <= own.high
    assert all(0.88 <= count / SIMULATIONS <= 1.0 for count in hits.values()), hits


def test_a_column_the_model_does_not_read_costs_nothing():
    found = permutation_importance(line(300, 0), [("c",), ("b",), ("a",)])
    assert [own.columns[0] for own in found] == ["a", "b", "c"]
    assert (found[2].rise, found[2].low, found[2].high) == (0.0, 0.0, 0.0)
    assert found[0].low > found[1].high > 0


def test_no_row_keeps_its_own_cells_and_repeats_are_different_pairs():
    seen = []

    def predict(cells, positions):
        seen.append(cells["row"].to_numpy())
        return np.zeros(len(positions))

    frame = pl.DataFrame({"row": np.arange(40)})
    permutation_importance(
        HeldOut(frame, np.zeros(40), "regression", predict, {"row": "number"}), [("row",)], 4
    )
    dealt = np.stack(seen[1:])
    assert dealt.shape == (4, 40) and not (dealt == np.arange(40)).any()
    assert all(len(set(column)) == 4 for column in dealt.T)
    assert all(sorted(row) == list(range(40)) for row in dealt)


def test_columns_that_stand_in_for_each_other_matter_together():
    draw = np.random.default_rng(0)
    x = draw.normal(size=400)
    frame = pl.DataFrame({"cm": x, "inch": x / 2.54, "other": draw.normal(size=400)})

    def predict(cells, _):
        return (cells["cm"] + 2.54 * cells["inch"]).to_numpy() / 2

    held = HeldOut(frame, x, "regression", predict, dict.fromkeys(frame.columns, "number"))
    related = relations(bands_of(frame, held.kinds, 10))
    assert [name for name, _ in related["cm"]] == ["inch"] and related["other"] == ()
    groups = together(related)
    assert groups == [("cm", "inch")]
    (joint,) = permutation_importance(held, groups)
    single = permutation_importance(held, [("cm",), ("inch",)])
    assert joint.low > max(own.high for own in single)


def test_sample_weights_count_as_repeated_rows():
    held = line(60, 3)
    weight = np.arange(60) % 3 + 1.0
    twice = HeldOut(held.frame, held.y, "regression", held.predict, held.kinds, weight=weight)
    (heavy,) = permutation_importance(twice, [("a",)], 59)
    # With every other row as giver once, the rise is the mean over all pairs; weights are the takers'.
    a = held.frame["a"].to_numpy()
    error = held.y - 2 * a - held.frame["b"].to_numpy()
    pairs = (error[:, None] + 2 * (a[:, None] - a[None, :])) ** 2
    per_row = (pairs.sum(1) - np.diag(pairs)) / 59
    wanted = np.sqrt(np.average(per_row, weights=weight)) - np.sqrt(np.average(error**2, weights=weight))
    assert heavy.rise == pytest.approx(wanted)


def test_wide_tables_keep_the_columns_that_predictions_follow():
    draw = np.random.default_rng(0)
    frame = pl.DataFrame({f"x{k}": draw.normal(size=300) for k in range(30)})
    outputs = np.sin(3 * frame["x7"].to_numpy()) + frame["x21"].to_numpy()
    held = HeldOut(frame, outputs, "regression", lambda f, _: outputs, dict.fromkeys(frame.columns, "number"))
    bands = bands_of(frame, held.kinds, 10)
    assert screened(held, outputs, bands, 2) == ["x7", "x21"]
    assert screened(held, outputs, bands, 30) == frame.columns
    text = HeldOut(frame, outputs, "regression", held.predict, {**held.kinds, "x0": "text"})
    assert screened(text, outputs, bands_of(frame, text.kinds, 10), 3) == ["x0", "x7", "x21"]


def test_association_is_0_for_unrelated_columns_and_1_for_a_renamed_one():
    draw = np.random.default_rng(0)
    job = draw.choice(["a", "b", "c"], 500)
    frame = pl.DataFrame(
        {"job": job, "renamed": np.char.upper(job), "number": draw.normal(size=500), "noisy": job == "a"}
    )
    kinds = {"job": "category", "renamed": "category", "number": "number", "noisy": "boolean"}
    v = associations(bands_of(frame, kinds, 5))
    assert v[0, 1] == pytest.approx(1, abs=0.01) and v[0, 2] < 0.15 and np.allclose(v, v.T)
    assert 0.6 < v[0, 3] <= 1  # a boolean tells one of three jobs
