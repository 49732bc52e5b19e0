"""What is seen of a network while it trains: gradients, steps, dead and saturated units, at some of the steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from retemper.doctor.case import Signals
from retemper.doctor.observe.forward import evaluating, follow

EVERY_STEPS, EARLY_LOOKS = 10, 30
"""A look every so many steps at first; after so many looks, one an epoch."""


class Watched:
    """The signals of one network; a look costs a pass over the probe and two over the weights.

    Args:
        network: under training.
        optimizers: that train it.
        probe: a fixed batch of rows and its targets, or None: activations are not looked at.
        loss: of (outputs, targets), or None: the gradients' direction is not judged.
    """

    def __init__(
        self, network: nn.Module, optimizers: Sequence[Any], probe: tuple[Any, Any] | None, loss: Any
    ) -> None:
        self._network, self._probe, self._loss = network, probe, loss
        self._weights = [(n, p) for n, p in network.named_parameters() if p.requires_grad and p.dim() > 1]
        self._start = {n: p.detach().clone() for n, p in network.named_parameters() if p.requires_grad}
        self._before: list[Tensor] | None = None
        self._seen: dict[str, Any] = {}
        self._came: dict[int, Tensor] = {}
        self._rows: list[dict[str, Any]] = []
        self.non_finite: tuple[str, int] = ("", 0)
        self.step = 0
        self._handles = [optimizer.register_step_pre_hook(self._at_step) for optimizer in optimizers]
        self._handles += [p.register_hook(self._arrived(k)) for k, (_, p) in enumerate(self._weights)]

    def close(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()

    def after_step(self, loss: float) -> None:
        """One step of the optimizer is done."""
        self.step += 1
        if not math.isfinite(loss) and not self.non_finite[0]:
            self.non_finite = ("loss", self.step)
        if self._before is not None:
            self._look(loss)
        if self._due(self.step + 1):
            self._before = [p.detach().clone() for _, p in self._weights]

    def _due(self, step: int) -> bool:
        return len(self._rows) < EARLY_LOOKS and (step < 3 or step % EVERY_STEPS == 0)

    def epoch_end(self) -> None:
        """After the early looks one is taken at the next step of each epoch."""
        if len(self._rows) >= EARLY_LOOKS:
            self._before = [p.detach().clone() for _, p in self._weights]

    def _arrived(self, number: int) -> Any:
        def note(gradient: Tensor) -> None:
            if self._before is not None:
                known = self._came.get(number)
                self._came[number] = gradient.detach() if known is None else known + gradient.detach()

        return note

    def _at_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self._before is None or self._seen:
            return
        gradients = [torch.zeros(()) if p.grad is None else p.grad.detach() for _, p in self._weights]
        norms = [float(gradient.norm()) for gradient in gradients]
        came = math.sqrt(sum(float(own.norm()) ** 2 for own in self._came.values()))
        self._seen = {
            "gradients": norms,
            "stale": math.hypot(*norms) / came if came > 0 else math.nan,
            "along": self._along(gradients),
        }

    def _along(self, gradients: Sequence[Tensor]) -> float:
        """Cosine between the gradients at hand and those of the loss on the probe."""
        if self._probe is None or self._loss is None:
            return math.nan
        rows, target = self._probe
        weights = [p for _, p in self._weights]
        before, self._before = self._before, None  # what comes now is not the training's
        try:
            with torch.enable_grad(), evaluating(self._network), torch.random.fork_rng(devices=[]):
                outputs = self._network(*rows) if isinstance(rows, tuple) else self._network(rows)
                true = torch.autograd.grad(self._loss(outputs, target), weights, allow_unused=True)
        except (RuntimeError, ValueError, TypeError, IndexError):
            return math.nan
        finally:
            self._before = before
        pairs = [(own.flatten(), g.flatten()) for own, g in zip(gradients, true, strict=True) if g is not None and own.dim()]
        dot = sum(float(own @ g) for own, g in pairs)
        lengths = math.sqrt(sum(float(own @ own) for own, _ in pairs) * sum(float(g @ g) for _, g in pairs))
        return dot / lengths if lengths > 0 and math.isfinite(lengths) else math.nan

    def _look(self, loss: float) -> None:
        before, self._before = self._before, None
        seen, self._seen, self._came = self._seen, {}, {}
        assert before is not None
        if not seen:  # no hook told of this step
            return
        moved = [float((p.detach() - old).norm()) / max(float(old.norm()), 1e-12) for (_, p), old in zip(self._weights, before, strict=True)]
        row: dict[str, Any] = {"step": self.step, "loss": loss, "updates": moved, **seen}
        if not all(map(math.isfinite, seen["gradients"])) and not self.non_finite[0]:
            self.non_finite = ("gradient", self.step)
        if self._probe is not None:
            followed = follow(self._network, self._probe[0])
            row |= {"dead": followed.dead, "saturated": followed.saturated}
        self._rows.append(row)

    def signals(self) -> Signals:
        """All looks so far."""
        rows = self._rows
        activations = sorted({place for row in rows for kind in ("dead", "saturated") for place in row.get(kind, {})})

        def table(kind: str) -> Any:
            return np.array([[row.get(kind, {}).get(place, np.nan) for place in activations] for row in rows]).reshape(len(rows), len(activations))

        gradients = np.array([row["gradients"] for row in rows]).reshape(len(rows), -1)
        unchanged = [n for n, p in self._network.named_parameters() if n in self._start and torch.equal(p.detach(), self._start[n])]
        return Signals(
            steps=np.array([row["step"] for row in rows], dtype=np.float64),
            losses=np.array([row["loss"] for row in rows], dtype=np.float64),
            gradients=gradients,
            updates=np.array([row["updates"] for row in rows]).reshape(len(rows), -1),
            dead=table("dead"),
            saturated=table("saturated"),
            along=np.array([row["along"] for row in rows], dtype=np.float64),
            stale=np.array([row["stale"] for row in rows], dtype=np.float64),
            unchanged=tuple(unchanged) if self.step else (),
            non_finite=self.non_finite,
            names=tuple(n for n, _ in self._weights),
            activations=tuple(map(str, activations)),
        )
