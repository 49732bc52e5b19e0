"""scikit-learn's own suite for estimators, in full."""

import os
import subprocess
import sys
import warnings

import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

from retemper import NetClassifier, NetRegressor

BOTH = (NetClassifier, NetRegressor)
NEEDS_ENVIRONMENT = {"check_array_api_input"}
"""Run below, in a process whose environment asks for it."""

ARRAY_API = """
from sklearn.utils.estimator_checks import estimator_checks_generator
from retemper import NetClassifier, NetRegressor

for estimator in (NetClassifier(), NetRegressor()):
    for _, check in estimator_checks_generator(estimator):
        if check.func.__name__ == "check_array_api_input":
            check(estimator)
            print(type(estimator).__name__)
"""


@pytest.mark.parametrize("estimator", BOTH)
def test_every_check_passes(estimator):
    with warnings.catch_warnings():
        # The checks feed faulty data on purpose, and scikit-learn warns of what it skips, which is counted below.
        warnings.simplefilter("ignore")
        records = check_estimator(estimator(), on_skip=None, on_fail=None)
    failed = [
        (r["check_name"], repr(r["exception"])) for r in records if r["status"] not in {"passed", "skipped"}
    ]
    skipped = {r["check_name"] for r in records if r["status"] == "skipped"}
    assert not failed
    assert skipped <= NEEDS_ENVIRONMENT
    assert len(records) > 50


def test_array_api_dispatch_changes_nothing():
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", ARRAY_API]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["NetClassifier", "NetRegressor"]


def test_no_check_is_declared_as_expected_to_fail():
    with warnings.catch_warnings():
        warnings.simplefilter("error", SkipTestWarning)
        for estimator in BOTH:
            tags = estimator().__sklearn_tags__()
            assert not tags._skip_test and not tags.no_validation and not tags.non_deterministic
            assert not (tags.classifier_tags or tags.regressor_tags).poor_score
            assert list(estimator_checks_generator(estimator()))
