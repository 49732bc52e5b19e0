"""The doctor beside anyone's training loop: ``with retemper.watch(model, optimizer, …) as doctor``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn

from retemper.core.errors import InputError
from retemper.core.history import from_rows
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, Sample, Standing, Task
from retemper.doctor.examine import Examined, examine
from retemper.doctor.observe.activations import Histogram, activations
from retemper.doctor.observe.allowance import allowed_s, judged_rows
from retemper.doctor.observe.attempt import attempt
from retemper.doctor.observe.before import PROBE_ROWS, look
from retemper.doctor.observe.loss_kind import LossFunction
from retemper.doctor.observe.row_facts import Means, RowFacts, means_within, row_facts
from retemper.doctor.observe.rows import Rows, first_rows, some_rows, suited
from retemper.doctor.observe.signals import Watched
from retemper.doctor.observe.standing import standing_of
from retemper.doctor.observe.traceless import device_of, traceless

LOOKED_AT_ROWS, PICTURED_ROWS = 2048, 32
"""Rows that the network is judged by, and that its activations are drawn of."""
PARTS = ("data", "held_out")
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
        self._model, self._loss, self._task = model, loss, task
        self._optimizers = list(optimizer) if isinstance(optimizer, Sequence) else [optimizer]
        self._reasons: dict[str, str] = {}
        self._train, self._held_out = (self._rows(name, own) for name, own in zip(PARTS, data, strict=True))
        self._epochs: list[dict[str, float]] = []
        self._case = Case(task=task)
        self._watched: Watched | None = None
        self._row_facts: tuple[Means, RowFacts] | None = None
        self._activations: tuple[Histogram, ...] = ()

    def __enter__(self) -> Self:
        if self._watched is not None:
            self._watched.close()
        self._case = look(self._model, self._optimizers, self._loss, self._train, self._held_out, self._task)
        self._activations = self._seen_activations()
        probe = None if self._train is None else first_rows(self._train, PROBE_ROWS)
        self._watched = attempt(
            "signals", self._reasons, lambda: Watched(self._model, self._optimizers, probe, self._loss)
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watched is not None:
            self._watched.close()

    def step(self, loss: Tensor | float) -> None:
        """After each step of the optimizer, with the batch's loss."""
        if self._watched is not None:
            self._watched.after_step(loss)

    def epoch(self, **metrics: float) -> None:
        """After each epoch, with any metrics by name: ``train_loss``, ``val_loss``, …"""
        row = {"epoch": float(len(self._epochs) + 1)}
        if self._watched is not None:
            mean = self._watched.epoch_end()
            row |= {"step": float(self._watched.step)} | ({} if mean is None else {"train_loss": mean})
        self._epochs.append(row | {name: float(value) for name, value in metrics.items()})

    def hold_out(self, rows: Any) -> None:
        """Rows that are not trained on, where they become known only while it trains; as ``val_data``."""
        self._held_out, self._row_facts = self._rows("held_out", rows), None

    def explain(self, reasons: Mapping[str, str]) -> None:
        """Why parts of the case can't be had, by their names, where whoever set the doctor up knows more."""
        self._reasons |= reasons

    def findings(self) -> list[Finding]:
        """What was found, the most likely cause first."""
        return self.examined().findings

    def examined(self) -> Examined:
        """The findings, and the checks that could not be made, with the reason."""
        return examine([self.case()])

    def plot(self, path: str | Path = "doctor.html") -> Path:
        """Write a page with the findings and pictures: curves, gradients, updates and activations of each layer.

        Args:
            path: of an HTML file that needs nothing else; it is written anew.

        Raises:
            InputError: the name does not end in .html, or the file can't be written.
        """
        from retemper.api.pictured import pictured  # loads the report

        return pictured(self.case(), self._activations, self._seen_activations(), path)

    def case(self) -> Case:
        """All that is known of the training so far."""
        known: dict[str, Any] = dict(vars(self._case))
        if self._watched is not None and (self._watched.step or self._watched.failed):
            known["signals"] = attempt("signals", self._reasons, self._watched.signals)
        if self._epochs:
            trivial = self._case.loss.trivial if self._case.loss else math.nan
            known["history"] = from_rows(0, self._epochs, trivial)
        if self._case.task and (self._train or self._held_out):
            known |= self._judged(self._case.task)
        return Case(**known | {"reasons": {**self._case.reasons, **self._reasons}})

    def _judged(self, task: Task) -> dict[str, Any]:
        """What rows say of the task, of themselves and of the network."""
        own = self._facts_of_rows(task)
        known: dict[str, Any] = {"likeness": own.likeness}
        if self._train is not None:
            tried = self._case.sample or Sample(math.nan, math.nan)
            known["sample"] = replace(tried, aligned_p=own.aligned_p, held_out_p=own.held_out_p)
        self._reasons |= own.reasons
        known["standing"] = attempt("standing", self._reasons, lambda: self._standing(task, own.reference))
        return known

    def _facts_of_rows(self, task: Task) -> RowFacts:
        """Worked out once, and again where the training has grown so that more trees may be asked."""
        seconds = allowed_s(self._case.network, *self._taken())
        means = means_within(seconds, self._train, self._held_out)
        if self._row_facts is None or means.trees >= 2 * self._row_facts[0].trees:
            self._row_facts = means, row_facts(self._train, self._held_out, task, means)
        return self._row_facts[1]

    def _taken(self) -> tuple[int, int]:
        """Steps and rows of the training so far."""
        return (self._watched.step, self._watched.rows) if self._watched is not None else (0, 0)

    def _seen_activations(self) -> tuple[Histogram, ...]:
        """Of the probe's rows; none where the network can't be asked or followed."""
        if self._train is None:
            return ()
        try:
            rows = suited(first_rows(self._train, PICTURED_ROWS), *device_of(self._model))
            return activations(self._model, rows[0])
        except Exception:  # a network of someone else's may raise anything
            return ()

    def _standing(self, task: Task, reference: float) -> Standing | None:
        rows, held_out = self._held_out or self._train, self._held_out is not None
        if rows is None:
            return None
        wants = self._case.loss.wants if self._case.loss else "unknown"
        count = judged_rows(self._case.network, self._taken()[1], LOOKED_AT_ROWS)
        ready = suited(first_rows(rows, count), *device_of(self._model))
        with traceless():
            return standing_of(self._model, ready, self._loss, wants, task, held_out, reference)

    def _rows(self, name: str, data: Any) -> Rows | None:
        """A sample of someone's rows, or the reason why there is none."""
        reasons: dict[str, str] = {}
        try:
            return some_rows(data, LOOKED_AT_ROWS)
        except NotApplicable as why:
            reasons = (
                dict.fromkeys(("data", "sample", "loss"), str(why)) if name == "data" else {name: str(why)}
            )
        self._reasons |= reasons
        return None


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

    >>> import torch
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
        raise InputError(
            "bad_option",
            f"task must be one of {', '.join(TASKS)}, but got {task!r}.",
            {"option": "task"},
            "Leave it out to have it told by the targets.",
        )
    return Doctor(model, optimizer, loss, task, (train_data, val_data))
