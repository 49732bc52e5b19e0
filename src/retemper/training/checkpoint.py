"""A training on disk: enough to go on to the same bits.

Randomness is a function of (seed, member, epoch), so the state at an epoch's end is the buffers, the best
parameters so far, the history, and a few counters. The file is safetensors with JSON in its header, written
whole or not at all.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from retemper.training import sealed
from retemper.training.callback import Callback
from retemper.training.callbacks import Plateau, Record
from retemper.training.loop import Training
from retemper.training.plan import Fit
from retemper.training.plateau import OnPlateauState


class Checkpoint(Callback):
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

    def save(self, training: Training, path: Path | None = None) -> None:
        """Write the state, whatever the clock says; without a path to the checkpoint's own place."""
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
        self.record.save()  # who goes on from here does not write these rows again
        sealed.write(path or self.path, tensors, state)

    def restore(self, training: Training, states: Sequence[Path] = ()) -> bool:
        """Bring a training to where it was.

        Args:
            training: not yet begun; only members of its plan are looked for.
            states: where its members paused, one file a job; none: the checkpoint's own file.

        Returns:
            False when there is nothing to go on from (or it is damaged: start anew).
        """
        saved = [sealed.read(path) for path in (states or (self.path,))]
        found = [each for each in saved if each is not None]
        if not found or len(found) < len(saved):
            return False
        wanted = {member.id for member in training.plan.members}
        _restore(training, found)
        for state, _ in found:
            own = {int(member): rows for member, rows in state["history"].items()}
            self.record.rows |= {member: rows for member, rows in own.items() if member in wanted}
            if self.plateau is not None:
                self.plateau.states |= {
                    int(m): OnPlateauState(self.plateau.options[int(m)], **each)
                    for m, each in state["plateau"].items()
                    if int(m) in wanted
                }
        return True


def _restore(training: Training, saved: Sequence[tuple[dict[str, Any], dict[str, torch.Tensor]]]) -> None:
    """The members of the plan that still train, wherever each of them was saved, in the order of the plan."""
    places = {
        member: (number, slot)
        for number, (state, _) in enumerate(saved)
        for slot, member in enumerate(state["members"])
    }
    members = training.plan.members
    training.stack.keep([slot for slot, member in enumerate(members) if member.id in places])
    training.factors = training.factors[: len(training.stack)]
    for slot, member in enumerate(training.stack.members):
        number, place = places[member.id]
        state, tensors = saved[number]
        training.factors[slot] = state["factors"][place]
        for name, buffer in training.stack.buffers.items():
            if name != "delta":
                buffer[slot] = tensors[f"buffer.{name}"][place]
    training.epoch, training.step = saved[0][0]["epoch"], saved[0][0]["step"]
    by_id = {member.id: member for member in members}
    for state, tensors in saved:
        for key, (best_epoch, epochs, val_loss) in state["fits"].items():
            if int(key) not in by_id:
                continue
            loss = float("nan") if val_loss is None else val_loss
            row = tensors[f"best.{key}"].to(training.stack.device)
            history = state["history"].get(key, [])
            training.fits[int(key)] = Fit(by_id[int(key)], row, best_epoch, epochs, loss, history)
