"""What joins the loop, in this order: signals, history, best, plateau, lost, patience, enough, checkpoint, progress.

Signals are measured first, since the rest may drop members; the best parameters are kept before patience
decides; the checkpoint comes after everything it must hold.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from retemper.core import interrupt
from retemper.core.history import append_rows
from retemper.training.callback import Callback
from retemper.training.loop import Training
from retemper.training.plan import Fit
from retemper.training.plateau import OnPlateauState
from retemper.training.schedules import OnPlateau


class Signals(Callback):
    """The doctor's signals: per-layer norms of gradients, weights and updates at a sample of the steps.

    They are reductions of the flat buffers to [M, layers]; ``values`` has their medians over the epoch.
    """

    def __init__(self, samples_per_epoch: int = 8) -> None:
        self.samples_per_epoch = samples_per_epoch
        self.values: dict[str, list[Any]] = {}
        self._gradients: list[Tensor] = []
        self._updates: list[Tensor] = []

    def on_epoch_start(self, training: Training) -> None:
        self._gradients, self._updates = [], []

    def on_step_end(self, training: Training) -> None:
        every = max(1, len(training.losses) // self.samples_per_epoch)
        if self._gradients and training.step % every:  # the first step always: a deadline may end the epoch
            return
        stack = training.stack
        self._gradients.append(_norms(stack.layout.views(stack.buffers["gradients"])))
        self._updates.append(_norms(stack.layout.views(training.last_update())))

    def on_epoch_end(self, training: Training) -> None:
        if not self._gradients:
            return
        weights = _norms(training.stack.parameters)
        gradients = torch.stack(self._gradients).median(0).values
        updates = torch.stack(self._updates).median(0).values
        ratio = updates / weights.clamp_min(1e-12)
        self.values = {
            "gradient_norm": torch.linalg.vector_norm(gradients, dim=1).tolist(),
            "weight_norm": torch.linalg.vector_norm(weights, dim=1).tolist(),
            "update_ratio": ratio.median(1).values.tolist(),
        } | _by_weight(training, gradients, ratio)


def _by_weight(training: Training, gradients: Tensor, ratio: Tensor) -> dict[str, list[float]]:
    """Of each weight, by its name, the gradient's root mean square and how much a step changes it."""
    # What decays are the weights: no biases or gains.
    weights = [(at, own) for at, own in enumerate(training.stack.layout.parameters) if own.decays]
    places = [at for at, _ in weights]
    sizes = gradients.new_tensor([math.sqrt(math.prod(own.shape)) for _, own in weights])
    columns = (gradients[:, places] / sizes).T.tolist(), ratio[:, places].T.tolist()
    names = ("gradient_rms", "update_ratio")
    return {
        f"{name}.{own.name}": values
        for name, column in zip(names, columns, strict=True)
        for (_, own), values in zip(weights, column, strict=True)
    }


def _norms(views: Any) -> Tensor:
    return torch.stack([torch.linalg.vector_norm(view.flatten(1), dim=1) for view in views.values()], 1)


class Record(Callback):
    """Writes the history: a row a member and epoch, into memory and, with ``path``, onto the disk.

    There the rows come some at a time, ``every_s`` seconds after the last, since to write a row between two trainings'
    steps takes ten times as long as one among others. Whoever saves what they belong to calls :meth:`save` before.
    """

    def __init__(self, signals: Signals | None, path: Path | None = None, every_s: float = 1.0) -> None:
        self.rows: dict[int, list[dict[str, Any]]] = {}
        self._signals = signals
        self._path, self._unsaved = path, list[dict[str, Any]]()
        self._every_s, self._last = every_s, time.monotonic()

    def on_epoch_end(self, training: Training) -> None:
        train_loss = training.losses.double().mean(0).tolist()
        rates = training.last_rates()
        new = []
        for slot, member in enumerate(training.stack.members):
            row: dict[str, Any] = {
                "member": member.id,
                "epoch": training.epoch,
                "step": training.step,
                "train_loss": train_loss[slot],
                "val_loss": float(training.val_loss[slot]),
                "val_loss_calibrated": float(training.verdict.judged[slot]),
                "learning_rate": rates[slot],
            }
            if self._signals:
                row |= {name: values[slot] for name, values in self._signals.values.items()}
            self.rows.setdefault(member.id, []).append(row)
            new.append(row)
        if self._path:
            self._unsaved += new
        if time.monotonic() - self._last >= self._every_s:
            self.save()

    def save(self) -> None:
        """All rows so far are on the disk."""
        unsaved, self._unsaved = self._unsaved, []
        if self._path and unsaved:
            append_rows(self._path, unsaved)
        self._last = time.monotonic()


class StepTimes(Callback):
    """Times the steps, so that the next job can be planned.

    ``seconds`` is the median step's time for all steps: a first step that warms up, or a stop that the machine
    made, doesn't count. It changes nothing in what is trained.
    """

    def __init__(self) -> None:
        self._last = 0.0
        self._times: list[float] = []

    def on_epoch_start(self, training: Training) -> None:
        self._last = time.perf_counter()

    def on_step_end(self, training: Training) -> None:
        now = time.perf_counter()
        self._times.append(now - self._last)
        self._last = now

    @property
    def seconds(self) -> float:
        """Of all steps in this process."""
        return statistics.median(self._times) * len(self._times) if self._times else 0.0


class StepLosses(Callback):
    """Keeps the loss of every batch, [steps, M], for the learning-rate range; no member may be dropped."""

    def __init__(self) -> None:
        self._epochs: list[Tensor] = []

    def on_epoch_end(self, training: Training) -> None:
        self._epochs.append(training.losses.double().cpu())

    @property
    def values(self) -> Tensor:
        """All steps so far."""
        return torch.cat(self._epochs)


class Best(Callback):
    """Keeps each member's parameters of the epoch that validation judges best."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def on_epoch_end(self, training: Training) -> None:
        for slot, member in enumerate(training.stack.members):
            loss = float(training.verdict.judged[slot])
            old = training.fits.get(member.id)
            if old is None or training.plan.validation is None or _better(loss, old.val_loss):
                row, epoch = training.best_row(slot), training.epoch
            else:
                row, epoch, loss = old.row, old.best_epoch, old.val_loss
            history = self._record.rows.get(member.id, [])
            training.fits[member.id] = Fit(member, row, epoch, training.epoch, loss, history)


def _better(loss: float, old: float) -> bool:
    """Any number is better than none: a network that is lost keeps the epoch before."""
    return loss < old or (math.isnan(old) and not math.isnan(loss))


class Plateau(Callback):
    """Lowers a member's rate when its validation loss stalls (the schedule ``on_plateau``).

    Args:
        options: by the ids of the members that have this schedule.
    """

    def __init__(self, options: Mapping[int, OnPlateau]) -> None:
        self.options = options
        self.states: dict[int, OnPlateauState] = {}

    def on_epoch_end(self, training: Training) -> None:
        for slot, member in enumerate(training.stack.members):
            if member.id in self.options:
                state = self.states.setdefault(member.id, OnPlateauState(self.options[member.id]))
                training.factors[slot] = state.update(float(training.val_loss[slot]))


class Lost(Callback):
    """Drops members that have diverged: a parameter that is not finite never becomes so again.

    They keep the parameters of their best epoch before, if there was one, and the others go on to the same bits.
    """

    def on_epoch_end(self, training: Training) -> None:
        stack = training.stack
        # A sum is not finite where one of its terms isn't; where it is too large, the terms themselves are asked.
        sums = stack.buffers["parameters"].sum(1)
        if bool(sums.isfinite().all()):
            return
        sound = stack.buffers["parameters"].isfinite().all(1).tolist()
        if not all(sound):
            training.keep([slot for slot, own in enumerate(sound) if own])


class Patience(Callback):
    """Early stopping: a member without gain for so many epochs is dropped, and the stack shrinks."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_epoch_end(self, training: Training) -> None:
        keep = [
            slot
            for slot, member in enumerate(training.stack.members)
            if training.epoch - training.fits[member.id].best_epoch < self.epochs
        ]
        if len(keep) < len(training.stack):
            training.keep(keep)


class Enough(Callback):
    """A member whose validation loss is low enough is done: it is dropped, whatever the others do."""

    def __init__(self, loss: float) -> None:
        self.loss = loss

    def on_epoch_end(self, training: Training) -> None:
        done = training.val_loss <= self.loss
        if done.any():
            training.keep([slot for slot, learnt in enumerate(done) if not learnt])


class Progress(Callback):
    """Tells how far a training is, and lets Ctrl-C in."""

    def __init__(self, tell: Callable[[float, str], None]) -> None:
        self._tell = tell

    def on_step_end(self, training: Training) -> None:
        interrupt.check()

    def on_epoch_end(self, training: Training) -> None:
        best = min((fit.val_loss for fit in training.fits.values()), default=float("nan"))
        text = f"epoch {training.epoch} of {training.plan.epochs}, best validation loss {best:.4f}"
        self._tell(training.epoch / training.plan.epochs, text)
