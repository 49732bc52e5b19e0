"""Proposals: each fires where its reason is, stays silent where not, and changes a recipe that builds."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.core.prepare_options import PrepareOptions
from retemper.core.recipe import Recipe
from retemper.core.recipe_sections import DataOptions
from retemper.core.records import Finding
from retemper.data.propose import Proposal, propose
from retemper.data.read import read
from retemper.data.schema import infer
from retemper.data.target import Target

N = 1500
RANDOM = np.random.default_rng(23)
A, B, C, NOISE = RANDOM.normal(5, 1, (4, N))
PLAIN = {"a": A, "b": B, "c": C}
ADDITIVE = A + np.sin(B) + C**2 + 0.1 * NOISE


def _propose(columns: dict[str, Any], target: Any, **given: Any) -> dict[str, Proposal]:
    table = read(pl.DataFrame({**columns, "target": target}))
    schema = infer(table, DataOptions(target="target"))
    y = Target.fit(table.frame["target"], schema, PrepareOptions()).encode(table.frame["target"])
    found = propose(table.frame, schema, y, **given)
    for proposal in found:
        Recipe().with_changes(proposal.changes)
        assert proposal.why and set(proposal.changes)
    return {proposal.name: proposal for proposal in found}


def _with_gaps(column: Any) -> list[float | None]:
    return [None if k % 10 == 0 else float(v) for k, v in enumerate(column)]


def test_nothing_for_a_plain_table() -> None:
    assert _propose(PLAIN, ADDITIVE) == {}
    assert _propose(PLAIN, np.where(A > 5, "yes!", "no!")) == {}


def test_pairs() -> None:
    found = _propose(PLAIN, A * B + C)["pairs of numbers"]
    assert "a × b" in found.why and found.changes == {"prepare.constructed": ["ratio", "product"]}
    classes = np.where(A > B, "more", "less")
    assert "pairs of numbers" in _propose(PLAIN, classes)


def test_long_tails() -> None:
    tails = {f"t{k}": np.exp(3 * RANDOM.normal(size=N)) for k in range(3)}
    found = _propose({**PLAIN, **tails}, ADDITIVE + np.log(tails["t0"] * tails["t1"] * tails["t2"]))
    assert found["ranks"].changes == {"prepare.scaling": "quantile"}
    assert "t0" in found["logarithms"].why and "clipped outliers" in found
    assert list(found).index("ranks") < list(found).index("clipped outliers")


def test_missing_numbers_that_others_tell_or_do_not() -> None:
    twin = A + 0.1 * NOISE
    told = _propose({**PLAIN, "twin": _with_gaps(twin)}, ADDITIVE)
    assert "twin" in told["imputed by other columns"].why
    alone = _propose({**PLAIN, "alone": _with_gaps(RANDOM.normal(size=N))}, ADDITIVE)
    assert alone["imputed by the median"].changes == {"prepare.missing": "median"}


def test_categories_of_many_levels() -> None:
    city = RANDOM.integers(0, 60, N)
    columns = {**PLAIN, "city": [f"c{k}" for k in city]}
    y = ADDITIVE + RANDOM.normal(size=60)[city]
    assert "city" in _propose(columns, y)["group means"].why
    few = {**PLAIN, "city": [f"c{k % 12}" for k in city]}
    assert "group means" not in _propose(few, y)
    rare = Finding("high_cardinality", "advice", 0.8, "Categories whose levels come too rarely.")
    assert "group means" in _propose(few, y, findings=[rare])


def test_columns_without_a_word() -> None:
    silent = {f"n{k}": RANDOM.normal(size=N) for k in range(5)}
    assert "selected columns" in _propose({**PLAIN, **silent}, ADDITIVE)
    wide = {**PLAIN, **{f"n{k}": RANDOM.normal(size=N) for k in range(220)}}
    assert next(iter(_propose(wide, A * B))) == "selected columns"


def test_few_directions() -> None:
    hidden = RANDOM.normal(size=(N, 2)) @ RANDOM.normal(size=(2, 12)) + 0.01 * RANDOM.normal(size=(N, 12))
    found = _propose({f"x{k}": hidden[:, k] for k in range(12)}, hidden[:, 0] + NOISE)
    assert found["principal components"].changes == {"prepare.components": 4}


def test_isolation_only_where_the_check_found_outliers() -> None:
    far = Finding("outliers", "advice", 0.6, "Columns with values far from all others.")
    assert "isolated rows left out" in _propose(PLAIN, ADDITIVE, findings=[far])


def test_what_the_recipe_does_already_is_not_proposed() -> None:
    done = PrepareOptions(constructed=["product"])
    both = PrepareOptions(constructed=["ratio", "product"])
    assert _propose(PLAIN, A * B + C, options=both) == {}
    found = _propose(PLAIN, A / B + C, options=done).get("pairs of numbers")
    assert found is not None and found.changes == {"prepare.constructed": ["product", "ratio"]}


def test_at_most_six_and_always_the_same() -> None:
    tails = {f"t{k}": _with_gaps(np.exp(2 * RANDOM.normal(size=N))) for k in range(12)}
    columns = {**PLAIN, **tails, "city": [f"c{k}" for k in RANDOM.integers(0, 60, N)]}
    far = Finding("outliers", "advice", 0.6, "Columns with values far from all others.")
    first = _propose(columns, A * B, findings=[far])
    assert len(first) == 6 and first == _propose(columns, A * B, findings=[far])


def test_without_a_target() -> None:
    table = read(pl.DataFrame(PLAIN))
    with pytest.raises(ValueError, match="target"):
        propose(table.frame, infer(table, DataOptions()), A)


def test_logarithm_of_the_target() -> None:
    wide = np.exp(3 * (A - 5))
    found = _propose(PLAIN, wide)["logarithm of the target"]
    assert found.changes == {"prepare.target": "log"} and "powers of ten" in found.why
    name = "logarithm of the target"
    assert name not in _propose(PLAIN, wide, options=PrepareOptions(target="log"))
    assert name not in _propose(PLAIN, wide - 1), "not all positive"
    assert name not in _propose(PLAIN, 100 + wide / wide.max() * 500), "less than one power of ten"
    assert name not in _propose(PLAIN, 1e-6 + np.abs(A - 5)), "many powers of ten, but no long tail"


def test_a_constant_where_missing_cells_tell() -> None:
    columns = {**PLAIN, "garage": _with_gaps(RANDOM.normal(size=N))}
    tells = Finding("missing_tells_target", "advice", 0.8, "", {"columns": {"garage": {"explained": 0.1}}})
    found = _propose(columns, ADDITIVE, findings=[tells])["imputed by a constant"]
    assert "garage" in found.why and found.changes == {"prepare.missing": "constant"}
    assert (
        "filled in with -1"
        in _propose(columns, ADDITIVE, findings=[tells], options=PrepareOptions(missing_constant=-1.0))[
            "imputed by a constant"
        ].why
    )
    other = Finding("missing_tells_target", "advice", 0.8, "", {"columns": {"a": {"explained": 0.1}}})
    assert "imputed by a constant" not in _propose(columns, ADDITIVE, findings=[other])
    done = PrepareOptions(missing="iterative")
    assert "imputed by a constant" not in _propose(columns, ADDITIVE, findings=[tells], options=done)


def test_text_scores_can_be_given_up() -> None:
    words = np.array(["good", "bad", "film", "long", "short", "plot", "cast", "music"])
    texts = [" ".join(words[RANDOM.integers(0, 8, 6)]) + f" {k}" for k in range(N)]
    found = _propose({**PLAIN, "review": texts}, ADDITIVE)["no text scores"]
    assert "review" in found.why and found.changes == {"prepare.text_scores": False}
    assert "no text scores" not in _propose(
        {**PLAIN, "review": texts}, ADDITIVE, options=PrepareOptions(text_scores=False)
    )
    assert "no text scores" not in _propose(PLAIN, ADDITIVE)
