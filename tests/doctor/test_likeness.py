"""Training rows against held-out ones: wrong labels, other meanings, other frequencies."""

import math

import pytest
import torch
from torch import Tensor

from retemper.core.records import NotApplicable
from retemper.doctor.case import Case, DataFacts, Standing
from retemper.doctor.likeness import Likeness, Told
from retemper.doctor.observe.likeness import likeness_of
from retemper.doctor.observe.start import data_facts
from retemper.doctor.symptoms import label_errors, train_serve_mismatch

Rows = tuple[Tensor, Tensor]


def rows(count: int, seed: int = 0) -> Rows:
    x = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


def facts(own: Rows) -> DataFacts:
    return data_facts(*own, "classification")


def codes(train: Rows, held_out: Rows) -> list[str]:
    case = Case(
        data=facts(train), held_out=facts(held_out), likeness=likeness_of(train, held_out, "classification")
    )
    found = [module.check(case, module.Options()) for module in (label_errors, train_serve_mismatch)]
    return [each.code for each in found if each is not None]


def test_rows_that_are_drawn_alike_are_told_alike() -> None:
    assert codes(rows(300), rows(200, 1)) == []


def test_wrong_training_labels_are_told_less_well_than_held_out_ones() -> None:
    (x, y), (held_x, held_y) = rows(600), rows(300, 1)
    y, held_y = (y > 0).long(), (held_y > 0).long()
    wrong = torch.where(torch.arange(600) % 5 < 2, 1 - y, y)
    assert codes((x, wrong), (held_x, held_y)) == ["label_errors"]


def test_few_clean_rows_tell_what_many_wrong_ones_cannot() -> None:
    (x, y), (held_x, held_y) = rows(240), rows(240, 1)
    y, held_y = (y > 0).long(), (held_y > 0).long()
    wrong = torch.where(torch.arange(240) % 10 < 4, 1 - y, y)
    alike = likeness_of((x, wrong), (held_x, held_y), "classification")
    assert alike.by_train.z > -3.5 > alike.by_held_out.z
    assert codes((x, wrong), (held_x, held_y)) == ["label_errors"]


def test_a_class_that_is_called_another_in_training_is_a_mismatch() -> None:
    x, y = rows(400)
    assert codes((x, y.clamp(max=1)), rows(200, 1)) == ["train_serve_mismatch"]


def test_classes_that_are_rare_in_training_alone_are_a_mismatch_however_few_rows_are_left() -> None:
    x, y = rows(200)
    kept = torch.cat([(y == 0).nonzero()[:, 0], (y != 0).nonzero()[:2, 0]])
    alike = likeness_of((x[kept], y[kept]), rows(200, 1), "classification")
    assert alike.classes_p < 1e-6
    case = Case(data=facts((x[kept], y[kept])), held_out=facts(rows(200, 1)), likeness=alike)
    found = train_serve_mismatch.check(case, train_serve_mismatch.Options())
    assert found is not None and found.confidence < 0.9


def test_a_network_that_does_well_on_rows_that_simple_models_fail_on_has_no_mismatch() -> None:
    data, told = facts(rows(200)), Likeness(Told(train=0.9, held_out=0.4, z=9.0))
    for accuracy, fires in ((0.98, False), (0.8, True)):
        standing = Standing(0.3, 0.7, accuracy=accuracy, majority=0.5, reference=0.1)
        case = Case(data=data, held_out=data, likeness=told, standing=standing)
        found = train_serve_mismatch.check(case, train_serve_mismatch.Options())
        assert (found is not None) == fires


def test_two_tests_that_agree_need_not_each_be_beyond_doubt() -> None:
    data = facts(rows(200))
    told = Told(train=0.9, held_out=0.8, z=3.0)
    for p, sure in ((1e-5, 0.95), (0.5, 0.0)):
        case = Case(data=data, held_out=data, likeness=Likeness(told, classes_p=p))
        found = train_serve_mismatch.check(case, train_serve_mismatch.Options())
        assert (0.0 if found is None else found.confidence) == sure


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_values_are_judged_in_their_own_spread(scale: float) -> None:
    x = torch.randn(400, 3, generator=torch.Generator().manual_seed(0))
    y = scale * (x[:, :1] + 0.1 * x[:, 1:2])
    alike = likeness_of((x[:200], y[:200]), (x[200:], y[200:]), "regression")
    swapped = likeness_of((x[:200], y[:200]), (x[200:], -y[200:]), "regression")
    assert alike.by_train.train > 0.5 and abs(alike.by_train.z) < 3 and abs(alike.by_held_out.z) < 3
    assert swapped.by_train.z > 5 and swapped.by_held_out.z < -5


def test_too_few_rows_are_said_to_be() -> None:
    x, y = rows(40)
    alike = likeness_of((x, y.float()), (x, y.float()), "regression")
    assert math.isnan(alike.by_train.z) and math.isnan(alike.by_held_out.z)
    with pytest.raises(NotApplicable, match="too few"):
        label_errors.check(Case(likeness=alike), label_errors.Options())
