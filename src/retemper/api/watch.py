"""The doctor beside anyone's training loop: ``with retemper.watch(model, optimizer, …) as doctor``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from retemper.core.errors import InputError
from retemper.core.history import from_rows
from retemper.core.records import Finding
from retemper.doctor.case import Case, LossFacts, Task
from retemper.doctor.examine import Examined, examine
from retemper.doctor.observe.forward import follow
from retemper.doctor.observe.loss_kind import LossFunction, ask
from retemper.doctor.observe.signals import Watched
from retemper.doctor.observe.standing import standing_of
from retemper.doctor.observe.start import (
    as_rows,
    data_facts,
    first_tensor,
    network_facts,
    optimizer_facts,
    task_of,
)
from retemper.doctor.observe.tries import try_sample

PROBE_ROWS, LOOKED_AT_ROWS = 256, 2048
TASKS = ("classification", "multilabel", "regression")


class Doctor:
    """What watches a training; see :func:`watch`."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: Any,
        loss: LossFunction | None,
        task: Task | None,
        data: tuple[Any, Any],
    ) -> None:
        self._model, self._loss = model, loss
        self._optimizers = list(optimizer) if isinstance(optimizer, Sequence) else [optimizer]
        self._train, self._held_out = (_some_rows(own) for own in data)
        self._epochs: list[dict[str, float]] = []
        self._case = Case(task=task, optimizer=optimizer_facts(self._optimizers))
        self._watched: Watched | None = None

    def __enter__(self) -> Self:
        if self._train is not None:
            self._look_first(*self._train)
        if self._watched is not None:
            self._watched.close()
        probe = None if self._train is None else _first(self._train, PROBE_ROWS)
        self._watched = Watched(self._model, self._optimizers, probe, self._loss)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watched is not None:
            self._watched.close()

    def step(self, loss: Tensor | float) -> None:
        """After each step of the optimizer, with the batch's loss."""
        assert self._watched is not None, "the doctor is entered by `with`"
        self._watched.after_step(loss)

    def epoch(self, **metrics: float) -> None:
        """After each epoch, with any metrics by name: ``train_loss``, ``val_loss``, …"""
        assert self._watched is not None, "the doctor is entered by `with`"
        mean = self._watched.epoch_end()
        own = {} if mean is None else {"train_loss": mean}
        row = {"epoch": float(len(self._epochs) + 1), "step": float(self._watched.step), **own}
        self._epochs.append(row | {name: float(value) for name, value in metrics.items()})

    def hold_out(self, rows: Any) -> None:
        """Rows that are not trained on, where they become known only while it trains.

        Args:
            rows: as ``val_data`` of :func:`watch`.
        """
        self._held_out = _some_rows(rows)

    def findings(self) -> list[Finding]:
        """What was found, the most likely cause first."""
        return self.examined().findings

    def examined(self) -> Examined:
        """The findings, and the checks that could not be made, with the reason."""
        return examine([self.case()])

    def case(self) -> Case:
        """All that is known of the training so far."""
        known: dict[str, Any] = dict(vars(self._case))
        if self._watched is not None and self._watched.step:
            known["signals"] = self._watched.signals()
        if self._epochs:
            trivial = self._case.loss.trivial if self._case.loss else math.nan
            known["history"] = from_rows(0, self._epochs, trivial)
        rows = self._held_out or self._train
        if rows is not None and self._case.task:
            wants = self._case.loss.wants if self._case.loss else "unknown"
            held_out = self._held_out is not None
            learnt = self._train if held_out else None
            known["standing"] = standing_of(
                self._model, _first(rows, LOOKED_AT_ROWS), self._loss, wants, self._case.task, held_out, learnt
            )
        return Case(**known)

    def _look_first(self, x: Any, y: Tensor) -> None:
        seen = follow(self._model, _first((x, y), PROBE_ROWS)[0])
        outputs = first_tensor(seen.outputs)
        task = self._case.task or task_of(y, outputs)
        loss: LossFacts | None = None
        sample = None
        if self._loss is not None and outputs is not None:
            loss = ask(self._loss, outputs, y[: len(outputs)])
            sample = try_sample(self._model, self._loss, x, y)
        self._case = Case(
            task=task,
            network=network_facts(self._model, seen, self._optimizers),
            loss=loss,
            data=data_facts(x, y, task),
            optimizer=self._case.optimizer,
            sample=sample,
        )


def watch(
    model: nn.Module,
    optimizer: Any,
    *,
    loss: LossFunction | None = None,
    task: Task | None = None,
    train_data: Any = None,
    val_data: Any = None,
) -> Doctor:
    """Watch a training of your own, and name what is wrong with it.

    Before training the doctor asks the loss what it wants, follows the network's forward pass and tries copies of the
    network on a few rows; while it trains it looks at gradients, steps and units every ten steps at first.

    Args:
        model: any module.
        optimizer: that trains it, or several of them.
        loss: any callable of (outputs, targets).
        task: classification, multilabel or regression; None: by the targets.
        train_data: (inputs, targets) as tensors or arrays, or a loader of such batches.
        val_data: the same, of rows that are not trained on.

    Raises:
        InputError: the task is none of the three, or the data are neither rows nor a loader.

    >>> net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1), nn.Softmax(1))
    >>> x = torch.rand(64, 2)
    >>> y = (x[:, :1] > 0.5).float()
    >>> sgd = torch.optim.SGD(net.parameters(), 0.1)
    >>> with watch(net, sgd, loss=nn.BCELoss(), train_data=(x, y)) as doctor:
    ...     for _ in range(20):
    ...         loss = nn.BCELoss()(net(x), y)
    ...         sgd.zero_grad(); loss.backward(); sgd.step()
    ...         doctor.step(loss)
    >>> doctor.findings()[0].code
    'single_unit_softmax'
    """
    if task is not None and task not in TASKS:
        raise InputError("bad_option", f"task must be one of {', '.join(TASKS)}, but got {task!r}.", {"option": "task"}, "Leave it out to have it told by the targets.")
    return Doctor(model, optimizer, loss, task, (train_data, val_data))


def _some_rows(data: Any) -> tuple[Any, Tensor] | None:
    """Inputs and targets of up to ``LOOKED_AT_ROWS`` rows."""
    if data is None:
        return None
    if isinstance(data, tuple) and len(data) == 2 and not isinstance(data[0], tuple):
        x, y = as_rows(data[0]), as_rows(data[1])
        return _first((x, y), LOOKED_AT_ROWS)
    try:
        batches = iter(data)
    except TypeError:
        raise InputError(
            "bad_data",
            f"Rows must be a pair (inputs, targets) or a loader of such pairs, but got {type(data).__name__}.",
            None,
            "Give train_data=(x, y).",
        ) from None
    parts: list[tuple[Any, Any]] = []
    count = 0
    for batch in batches:
        x, y = as_rows(batch[0]), as_rows(batch[1])
        parts.append((x, y))
        count += len(y)
        if count >= LOOKED_AT_ROWS:
            break
    return torch.cat([x for x, _ in parts]), torch.cat([y for _, y in parts])


def _first(rows: tuple[Any, Tensor], count: int) -> tuple[Any, Tensor]:
    x, y = rows
    cut = tuple(each[:count] for each in x) if isinstance(x, tuple) else x[:count]
    return cast("tuple[Any, Tensor]", (cut, y[:count]))
