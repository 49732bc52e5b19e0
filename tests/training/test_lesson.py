"""What a teacher says, against autograd and PyTorch's own divergences; and what is taught moves nobody who knows it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from retemper.training import arrays, batches, pages
from retemper.training.class_losses import BinaryCrossEntropy, CrossEntropy
from retemper.training.copies_loss import CopiesLoss
from retemper.training.lesson import Lesson, TaughtLoss
from retemper.training.loss import Loss
from retemper.training.plan import outputs_in_chunks
from retemper.training.stack import Layout, Stack
from retemper.training.value_losses import Huber, MeanSquaredError

ROWS, MEMBERS, BATCH = 40, 2, 32
LOSSES: list[tuple[Loss, int]] = [
    (CrossEntropy(label_smoothing=0.1), 4),
    (BinaryCrossEntropy(), 2),
    (MeanSquaredError(), 0),
    (Huber(delta=0.5), 0),
]


def divergence(said: Tensor, taught: Tensor, loss: Loss, lesson: Lesson) -> Tensor:
    """The teacher's part [M, B] for one network's outputs [M, B, K], in PyTorch's words."""
    if lesson.kind == "outputs" or not isinstance(loss, (CrossEntropy, BinaryCrossEntropy)):
        return functional.mse_loss(said, taught, reduction="none").mean(2)
    if said.shape[2] == 1:
        said, taught = (torch.cat([torch.zeros_like(own), own], 2) for own in (said, taught))
    t = lesson.temperature
    softened, target = torch.log_softmax(said / t, 2), torch.softmax(taught / t, 2)
    return t**2 * functional.kl_div(softened, target, reduction="none").sum(2)


@pytest.mark.parametrize("kind", ["softened", "outputs"])
@pytest.mark.parametrize(("copies", "of_teacher"), [(1, 1), (3, 1), (3, 3)])
@pytest.mark.parametrize(("loss", "classes"), LOSSES)
def test_value_and_gradient_are_autograds(
    loss: Loss, classes: int, copies: int, of_teacher: int, kind: Any
) -> None:
    draw = torch.Generator().manual_seed(4)
    width, known = loss.n_outputs(classes), max(1, loss.n_outputs(classes) - 1)
    y = torch.randn(ROWS, generator=draw, dtype=torch.float64)
    if classes:
        y = torch.randint(classes, (ROWS,), generator=draw)
    said = 2 * torch.randn((ROWS, of_teacher * width), generator=draw, dtype=torch.float64)
    teach, truth = torch.rand((2, ROWS), generator=draw, dtype=torch.float64)
    lesson = Lesson(said.numpy(), teach.numpy(), truth.numpy(), kind, 3.0, known, of_teacher)
    network_loss = CopiesLoss(loss, copies) if copies > 1 else loss
    taught = TaughtLoss(network_loss, width, lesson, y, said)
    rows = torch.randint(ROWS, (MEMBERS, BATCH), generator=draw)
    weight = torch.rand((MEMBERS, BATCH), generator=draw, dtype=torch.float64)
    weights = torch.linspace(0.5, 2, classes, dtype=torch.float64) if classes else None
    outputs = torch.randn((MEMBERS, BATCH, copies * width), generator=draw, dtype=torch.float64)
    goal = taught.goal(rows, weight, width, weights)
    value, gradient = taught.value_and_gradient(outputs, goal)

    leaf = outputs.clone().requires_grad_()
    total = torch.zeros(MEMBERS, dtype=torch.float64)
    smoothing = getattr(loss, "label_smoothing", 0.0)
    divisor = (weight if weights is None else weight * weights[y[rows]]).sum(1)
    for copy, own in enumerate(leaf.chunk(copies, 2)):
        own_rows = loss.rows(own, y[rows], weights, smoothing) * truth[rows]
        teacher = said.view(ROWS, of_teacher, width)[rows][:, :, copy % of_teacher, :known]
        own_rows = own_rows + divergence(own[:, :, :known], teacher, loss, lesson) * teach[rows]
        total = total + (own_rows * weight).sum(1) / divisor / copies
    (wanted,) = torch.autograd.grad(total.sum(), leaf)
    torch.testing.assert_close(value, total.detach(), rtol=0, atol=1e-12)
    torch.testing.assert_close(gradient, wanted, rtol=0, atol=1e-12)
    halves = [
        taught.value_and_gradient(outputs[:, part], goal.of(part))
        for part in (slice(0, BATCH // 2), slice(BATCH // 2, BATCH))
    ]
    torch.testing.assert_close(sum(one for one, _ in halves), value)
    torch.testing.assert_close(torch.cat([one for _, one in halves], 1), gradient)


@pytest.mark.parametrize("kind", ["softened", "outputs"])
@pytest.mark.parametrize("model", ["mlp", "tabm"])
def test_who_says_what_the_teacher_says_stays(plan_for: Any, train: Any, kind: Any, model: str) -> None:
    """With the copies' own outputs for each copy; taught by their blend they would move."""
    training = {"optimizer": "sgd"}  # Adam makes steps of rounding errors as large as any others
    plan = plan_for(members=plan_for().members[2:], epochs=2, model={"name": model}, training=training)
    stack = Stack(plan.network, plan.members)
    stack.initialise(plan.options.initialiser.options, 3)
    start = stack.buffers["parameters"].clone()
    said = torch.cat(list(outputs_in_chunks(plan.network, stack.parameters, plan.train)), 1)
    said = said[0, : plan.train.count].numpy()
    every, none = np.ones(len(said)), np.zeros(len(said))
    copies = plan.network.copies
    lesson = Lesson(said, every, none, kind, copies=copies, known=2)
    end = train(replace(plan, start=start, lesson=lesson))[0]
    assert end.losses.abs().max() < 1e-5
    torch.testing.assert_close(end.stack.buffers["parameters"], start, rtol=0, atol=1e-6)
    plain = replace(lesson, teach=none, truth=every)
    other = train(replace(plan, start=start, lesson=plain))[0].stack.buffers["parameters"]
    assert (other - start).abs().max() > 1e-3
    same = train(replace(plan, start=start))[0].stack.buffers["parameters"]
    torch.testing.assert_close(other, same, rtol=0, atol=1e-6)


def test_a_student_comes_to_say_what_its_teacher_says(plan_for: Any, train: Any) -> None:
    """Without any labels, and validation stays the plain loss."""
    plan = plan_for(epochs=40, members=plan_for().members[2:], training={"judge": "plain"})
    _, (teacher,) = train(plan)
    views = Layout(plan.network).views(teacher.row[None])
    said = torch.cat(list(outputs_in_chunks(plan.network, views, plan.train)), 1)[0, : plan.train.count]
    count = plan.train.count
    lesson = Lesson(said.numpy(), np.ones(count), np.zeros(count), "outputs")
    blind = replace(plan.train, y=torch.zeros_like(plan.train.y))
    _, (student,) = train(replace(plan, train=blind, lesson=lesson, seed=99))
    assert student.history[-1]["train_loss"] < 0.02 * float(said.var())
    assert student.val_loss < 1.2 * teacher.val_loss
    _, (untaught,) = train(replace(plan, train=blind, seed=99))
    assert untaught.val_loss > 1.5 * teacher.val_loss


def test_of_large_files_the_lesson_is_the_same(
    plan_for: Any, train: Any, task_arrays: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    data = arrays.save(task_arrays(), tmp_path)
    plan = plan_for(data, epochs=2)
    plan = replace(plan, train=data.train.rows())
    said = np.random.default_rng(0).normal(size=(plan.train.count, 3))
    plan = replace(plan, lesson=Lesson(said, np.ones(len(said)), np.ones(len(said))))
    held = train(plan)[1]
    monkeypatch.setattr(pages, "LARGE_BYTES", 0)
    monkeypatch.setattr(batches, "AHEAD_ROWS", 2 * 3 * 32)
    assert plan.train.mapped
    for one, other in zip(held, train(plan)[1], strict=True):
        assert torch.equal(one.row, other.row)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"teach": np.ones(3)}, "one number for each row"),
        ({"truth": np.full(4, -1.0)}, "0 or more"),
        ({"outputs": np.full((4, 6), np.nan)}, "finite where teach"),
        ({"temperature": 0.0}, "temperature > 0"),
        ({"copies": 4}, "4 copies"),
        ({"known": 7}, "1 <= known <= 6"),
        ({"known": 0}, "1 <= known <= 6"),
    ],
)
def test_lessons_that_make_no_sense_are_said(changes: dict[str, Any], words: str) -> None:
    lesson = Lesson(np.zeros((4, 6)), np.ones(4), np.ones(4))
    with pytest.raises(ValueError, match=words):
        replace(lesson, **changes)
