"""A training on disk: enough to go on to the same bits.

Randomness is a function of (seed, member, epoch), so the state at an epoch's end is the buffers, the best
parameters so far, the history, and a few counters. The file is safetensors with JSON in its header, written
whole or not at all.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch

from retemper.training import sealed
from retemper.training.callbacks import Plateau, Record, Silent
from retemper.training.loop import Training
from retemper.training.plan import Fit
from retemper.training.plateau import OnPlateauState


class Checkpoint(Silent):
    """Saves the training at an epoch's end, not more often than every ``every_s`` seconds.

    The clock here only spares the disk: when a checkpoint is written changes nothing in what is trained.
    """

    def __init__(self, path: Path, record: Record, plateau: Plateau | None, every_s: float = 3.0) -> None:
        self.path = path
        self.record = record
        self.plateau = plateau
        self.every_s = every_s
        self._last = time.monotonic()

    def on_epoch_end(self, training: Training) -> None:
        # An epoch that the deadline cut short is no place to go on from.
        if training.over or time.monotonic() - self._last < self.every_s:
            return
        self.save(training)
        self._last = time.monotonic()

    def save(self, training: Training) -> None:
        """Write the state, whatever the clock says."""
        stack = training.stack
        plateau = {} if self.plateau is None else self.plateau.states
        state = {
            "epoch": training.epoch,
            "step": training.step,
            "factors": training.factors.tolist(),
            "members": [member.id for member in stack.members],
            "fits": {
                fit.member.id: [fit.best_epoch, fit.epochs, fit.val_loss] for fit in training.fits.values()
            },
            "plateau": {member: each.to_json() for member, each in plateau.items()},
            "history": self.record.rows,
        }
        tensors = {
            f"buffer.{name}": buffer.cpu() for name, buffer in stack.buffers.items() if name != "delta"
        }
        tensors |= {f"best.{fit.member.id}": fit.row.cpu() for fit in training.fits.values()}
        sealed.write(self.path, tensors, state)

    def restore(self, training: Training) -> bool:
        """Bring a training to the saved state; False when there is none (or it is damaged: start anew)."""
        saved = sealed.read(self.path)
        if saved is None:
            return False
        state, tensors = saved
        _restore(training, state, tensors)
        self.record.rows = {int(member): rows for member, rows in state["history"].items()}
        if self.plateau is not None:
            options = self.plateau.options
            self.plateau.states = {
                int(m): OnPlateauState(options, **each) for m, each in state["plateau"].items()
            }
        return True


def _restore(training: Training, state: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    by_id = {member.id: member for member in training.plan.members}
    slots = [slot for slot, member in enumerate(training.plan.members) if member.id in state["members"]]
    training.stack.keep(slots)
    for name, buffer in training.stack.buffers.items():
        if name != "delta":
            buffer.copy_(tensors[f"buffer.{name}"])
    training.epoch, training.step = state["epoch"], state["step"]
    training.factors[: len(slots)] = state["factors"]
    training.factors = training.factors[: len(slots)]
    for key, (best_epoch, epochs, val_loss) in state["fits"].items():
        member = by_id[int(key)]
        loss = float("nan") if val_loss is None else val_loss
        history = state["history"].get(key, [])
        row = tensors[f"best.{key}"].to(training.stack.device)
        training.fits[member.id] = Fit(member, row, best_epoch, epochs, loss, history)
