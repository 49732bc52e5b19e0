"""A new task is learnt at a higher rate, and the mean of the networks of one start serves."""

from dataclasses import replace
from typing import Any

import pytest

from retemper.core import catalogue
from retemper.retraining.course import Course, Means

KNOWN = Means(new_rows=120, old_rows=120, new_classes=0, classes=3)


def course(name: str, means: Means, **options: Any) -> Course:
    module = catalogue.entry("strategy", name)
    found = module.plan(module.Options(**options), means)
    assert isinstance(found, Course)
    return found


@pytest.mark.parametrize("name", ["replay", "der_plus_plus"])
def test_rows_that_their_mean_tells_better_are_a_new_task_as_new_classes_are(name: str) -> None:
    known = course(name, KNOWN, rate=0.5)
    strange = course(name, replace(KNOWN, strange=True), rate=0.5)
    classes = course(name, replace(KNOWN, new_classes=1, classes=4), rate=0.5)
    assert (known.rate, known.averaged) == (0.5, False)
    assert (strange.rate, strange.averaged) == (classes.rate, classes.averaged) == (2.0, True)
    # Only new classes change which rows a batch holds.
    assert (strange.replay, strange.balanced) == (known.replay, known.balanced) == (0.5, False)
    assert classes.balanced
