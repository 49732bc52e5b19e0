"""The mean of networks of one start serves, unless it lies on a barrier."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from retemper.bundle.parts import Part
from retemper.retraining import averaged as module
from retemper.retraining.averaged import averaged
from retemper.retraining.course import Course
from retemper.retraining.diet import diet_of
from retemper.retraining.places import places, places_to_serve
from retemper.retraining.stacks import train

from .made import NO_END, TARGETS, ground_of


@pytest.mark.parametrize("target", TARGETS)
def test_near_networks_are_averaged_and_those_without_mates_stay(target: str) -> None:
    own = ground_of(target)
    (part, *_), allowed = own.grown.parts, own.fold != 0
    near = [replace(part, row=part.row + sign * 1e-4) for sign in (1.0, -1.0)]
    # Curved as losses are, the mean of two that are as far on both sides loses no more than they do together.
    found = averaged(own.warm, [*near, part], [[], [0, 1], []], allowed)
    assert found[0] is near[0] and found[2] is part
    assert found[1] is near[1] or torch.allclose(found[1].row, part.row, atol=1e-6)


@pytest.mark.parametrize(("loss", "averages"), [(0.9, True), (1.0, True), (1.1, False)])
def test_a_mean_on_a_barrier_does_not_serve(
    loss: float, averages: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ground_of("classes")
    (part, *_), allowed = own.grown.parts, own.fold != 0
    other: Part = replace(part, row=part.row + 1.0)
    monkeypatch.setattr(module, "_losses", lambda *_: [0.5, 1.5, loss])
    (found, _) = averaged(own.warm, [part, other], [[0, 1], []], allowed)
    assert torch.allclose(found.row, part.row + 0.5, atol=1e-6) if averages else found is part


def test_a_network_that_is_not_finite_is_no_mate() -> None:
    own = ground_of("classes")
    (part, *_), allowed = own.grown.parts, own.fold != 0
    lost = replace(part, row=torch.full_like(part.row, np.nan))
    assert averaged(own.warm, [part, lost], [[0, 1], []], allowed)[0] is part


@pytest.mark.parametrize("wanted", [True, False])
def test_judges_join_the_network_that_serves_where_the_course_says_so(
    wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ground_of("classes")
    course = Course(replay=None, rate=1.0, averaged=wanted)
    met: list[list[list[int]]] = []
    plain = module.averaged

    def watched(*given: object) -> list[Part]:
        met.append(given[2])  # type: ignore[arg-type]  # the mates
        return plain(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("retemper.retraining.stacks.averaged", watched)
    diet = diet_of(own, course, 300.0)
    serving = train(own, course, diet, places_to_serve(own, own.count, 1.0), 1, NO_END)
    assert len(serving.model.parts) == 1
    train(own, course, diet, places(own, own.count, 1.0), 1, NO_END)
    everyone = list(range(own.count + 1)) if wanted else []
    assert met[0] == [[]] * own.count + [everyone]
    assert met[1] == [[]] * own.count
