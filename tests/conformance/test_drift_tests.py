"""What every family of drift tests must keep, whatever rows it is given."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retemper.core import catalogue
from retemper.core.errors import InputError
from retemper.core.records import NotApplicable
from retemper.retraining.two_samples.compare import FAMILY
from retemper.retraining.two_samples.side_by_side import Wanted, side_by_side

NAMES = catalogue.names(FAMILY)
CELLS = {
    "a": st.one_of(st.none(), st.integers(0, 3).map(float), st.floats(-1e6, 1e6)),
    "b": st.sampled_from([None, "u", "v", "w", "x"]),
    "c": st.booleans(),
    "y": st.sampled_from(["no", "yes"]),
}


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    """Few rows with ties, gaps and rare levels."""
    rows = draw(st.integers(2, 25))
    columns = {k: draw(st.lists(cells, min_size=rows, max_size=rows)) for k, cells in CELLS.items()}
    types = {"a": pl.Float64, "b": pl.String, "c": pl.Boolean, "y": pl.String}
    return pl.DataFrame(columns, schema=types)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(before=frames(), now=frames())
def test_a_family_gives_p_values_or_says_why_not(name, before, now):
    try:
        samples, _ = side_by_side(before, now, Wanted(0.05, len(NAMES), 0, None, "y"))
    except InputError as error:
        assert error.code == "nothing_to_learn"
        return
    family = catalogue.entry(FAMILY, name)
    assert family.KIND in ("covariate", "prior", "concept") and family.ABOUT
    try:
        found = family.run(samples)
    except NotApplicable as why:
        assert str(why)
        return
    assert found.tests
    assert all(0 < test.p_value <= 1 and np.isfinite(test.statistic) for test in found.tests)
    assert family.run(samples) == found  # the seed alone fixes it


def test_the_families_are_those_of_the_documentation():
    inputs = {"numbers", "categories", "missingness", "new_categories", "mmd", "classifier"}
    assert set(NAMES) == inputs | {"predictions", "prior", "concept"}
