"""What every symptom must keep, whatever history it is given."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retemper.core import catalogue
from retemper.core.history import History
from retemper.core.options import Options
from retemper.core.records import Finding, NotApplicable, to_json
from retemper.doctor.case import Case
from retemper.doctor.examine import examine

CODES = catalogue.names("symptom")
SERIES = ["epoch", "step", "train_loss", "val_loss", "learning_rate", "gradient_norm", "update_ratio"]
NUMBERS = st.one_of(
    st.floats(-10, 1e6),
    st.floats(0, 1),
    st.sampled_from([0.0, 1e-300, 1e300, math.nan, math.inf, -math.inf]),
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Random, short, NaN and incomplete histories, and smooth ones with noise."""
    length = draw(st.integers(0, 40))
    names = draw(st.lists(st.sampled_from(SERIES), unique=True))
    series = {}
    for name in names:
        values = draw(st.lists(NUMBERS, min_size=length, max_size=length))
        if draw(st.booleans()):
            random = np.random.default_rng(draw(st.integers(0, 9)))
            slope, noise = draw(st.floats(-0.1, 0.1)), draw(st.sampled_from([0.0, 0.01, 0.3]))
            course = np.exp(slope * np.arange(length)) + noise * random.standard_normal(length)
            values = course.tolist()
        series[name] = np.array(values, dtype=np.float64)
    if "epoch" in series:
        series["epoch"] = np.arange(1.0, length + 1.0)
    return History(0, series, draw(st.sampled_from([0.69, 0.0, math.nan])))


@pytest.mark.parametrize("code", CODES)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(history=histories())
def test_finding_or_none_or_not_applicable(code: str, history: History) -> None:
    module = catalogue.entry("symptom", code)
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            found = module.check(Case(history), module.Options())
        except NotApplicable as why:
            assert len(str(why)) >= 10
            return
    if found is not None:
        _assert_sound(code, found)


def _assert_sound(code: str, found: Finding) -> None:
    assert isinstance(found, Finding) and found.code == code
    assert found.severity in ("error", "warning", "advice")
    assert 0 < found.confidence <= 1
    assert len(found.message) >= 10 and found.message.endswith(".") and "nan" not in found.message
    assert found.evidence and json.loads(json.dumps(to_json(found)))["code"] == code
    assert any(key.endswith("_threshold") for key in found.evidence)
    assert len(set(found.remedies)) == len(found.remedies) > 0
    assert set(found.remedies) <= set(catalogue.names("remedy"))


@pytest.mark.parametrize("code", CODES)
def test_form(code: str) -> None:
    module = catalogue.entry("symptom", code)
    assert issubclass(module.Options, Options) and module.Options() == module.Options()
    assert all(field.description for field in module.Options.model_fields.values())
    assert module.__doc__ and module.check.__doc__ and "NotApplicable" in module.check.__doc__


@settings(max_examples=20, deadline=None, derandomize=True)
@given(members=st.lists(histories(), max_size=4))
def test_examination_accounts_for_every_code_at_most_once(members: list[History]) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        examined = examine([Case(member) for member in members])
    codes = [f.code for f in examined.findings] + [code for code, _ in examined.not_applicable]
    assert len(codes) == len(set(codes)) and set(codes) <= set(CODES)
