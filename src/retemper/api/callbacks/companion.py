"""What the callbacks of all libraries share: a doctor that joins at the first backward pass and never disturbs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from retemper.api.callbacks.loaders import rows_like
from retemper.api.callbacks.overheard import FirstBatch, Overheard
from retemper.api.watch import Doctor, watch
from retemper.core.errors import InputError
from retemper.core.records import Finding
from retemper.doctor.case import Task
from retemper.doctor.examine import Examined
from retemper.doctor.observe.loss_kind import LossFunction

HELD_OUT = ("val", "valid", "validation", "eval", "dev")
"""How libraries begin the names of metrics on held-out rows."""

SPEEDS = ("_runtime", "_per_second")
"""How names of what is no metric end."""


@dataclass(frozen=True)
class Given:
    """What a person may tell the doctor; what is None is overheard.

    Args:
        loss: any callable of (outputs, targets).
        task: classification, multilabel or regression.
        train_data, val_data: (inputs, targets) as the network takes them, or a loader of such batches.
    """

    loss: LossFunction | None = None
    task: Task | None = None
    train_data: Any = None
    val_data: Any = None


class Companion:
    """A doctor beside a library's own loop.

    Args:
        given: what the person told.
        quiet: print nothing at the end.
    """

    def __init__(self, given: Given, quiet: bool) -> None:
        self._given, self._quiet = given, quiet
        self._doctor: Doctor | None = None
        self._listening: Overheard | None = None
        self._losses: list[Tensor] = []
        self._first = FirstBatch()
        self.why = "no training has begun"

    @property
    def watching(self) -> bool:
        """A training is under way, and is watched."""
        return self._doctor is not None

    def listen(
        self, model: nn.Module, optimizers: Sequence[Any], loader: Any = None, held_out: Any = None
    ) -> None:
        """Overhear the next batch, and begin to watch before its backward pass.

        Args:
            model: that is trained, or whatever holds it.
            optimizers: that train it.
            loader: of training batches, or None.
            held_out: loader of batches that are not trained on, or None.
        """
        self.hush()
        self._doctor, self._losses = None, []

        def begin(first: FirstBatch) -> None:
            self.begin(first, model, optimizers, loader, held_out)

        if any(_compiled(own) for own in model.modules()):
            begin(FirstBatch(why="a compiled network is not overheard"))
            return
        self._listening = Overheard(begin)
        self._listening.start()

    def hush(self) -> None:
        """The first batch is over."""
        if self._listening is not None:
            self._listening.stop()
            self._listening = None

    def begin(
        self, first: FirstBatch, model: nn.Module, optimizers: Sequence[Any], loader: Any, held_out: Any
    ) -> None:
        """Begin to watch, with as much as is known; what can't be had makes checks not applicable.

        Raises:
            InputError: what the person gave is wrong.
        """
        given, network = self._given, first.network or model
        self._first, self.why = first, first.why
        loss = given.loss or first.loss
        rows = given.train_data
        if rows is None and first.y is not None:
            rows = rows_like(first.x, first.y, loader) or (first.x, first.y)
        other = given.val_data
        if other is None and first.y is not None:
            other = rows_like(first.x, first.y, held_out)
        every = {"loss": loss, "train_data": rows, "val_data": other}
        for known in (every, {}):
            try:
                self._doctor = watch(network, list(optimizers), task=given.task, **known).__enter__()
                break
            except InputError:
                raise
            except Exception as error:  # whatever it is, the training goes on
                self.why = f"{type(error).__name__}: {error}"
        if self._doctor is not None and self.why:
            known = {"data": rows, "network": rows, "sample": rows, "loss": loss}
            self._doctor.explain({name: self.why for name, own in known.items() if own is None})

    def heard_loss(self, loss: Tensor | float) -> None:
        """A backward pass begins with this loss; several of them may make one step."""
        self._losses.append(loss.detach().mean() if isinstance(loss, Tensor) else torch.tensor(float(loss)))

    def stepped(self, sums: bool = False) -> None:
        """The optimizer took a step: the losses heard since the last one are its batch's.

        Args:
            sums: they are parts of a mean that add up to it.
        """
        losses, self._losses = self._losses, []
        if self._doctor is not None and losses:
            whole = torch.stack([own.float() for own in losses]).sum()
            self._safely(self._doctor.step, whole if sums else whole / len(losses))

    def epoch(self, metrics: Mapping[str, Any]) -> None:
        """An epoch, or whatever the library evaluates after, is over."""
        if self._doctor is not None:
            self._safely(lambda: self.doctor().epoch(**plain_metrics(metrics)))

    def end(self) -> None:
        """The training is over: tell what was found."""
        self.hush()
        if self._doctor is None:
            return
        self._doctor.__exit__(None, None, None)
        try:
            text = told(self._doctor.findings())
        except Exception as error:  # the training is done; it must not fail for what is said of it
            text = f"retemper's doctor could not judge: {type(error).__name__}: {error}"
        if not self._quiet:
            print(text)

    def hold_out(self, loader: Any) -> None:
        """Batches that are not trained on became known while it trained."""
        if self._doctor is None or self._first.y is None or self._given.val_data is not None:
            return
        rows = rows_like(self._first.x, self._first.y, loader)
        if rows is not None:
            self._safely(self._doctor.hold_out, rows)

    def doctor(self) -> Doctor:
        """The doctor.

        Raises:
            InputError: no training was watched.
        """
        if self._doctor is None:
            raise InputError("not_watched", f"No training was watched: {self.why}.", None, "Train first.")
        return self._doctor

    def _safely(self, act: Callable[..., None], *args: Any) -> None:
        """Whatever fails in looking, the training goes on."""
        try:
            act(*args)
        except Exception as error:
            self.why = f"{type(error).__name__}: {error}"

    def examined(self) -> Examined:
        """The findings, and the checks that could not be made."""
        return self.doctor().examined()


def plain_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Metrics by the names that curves are read by: ``train_loss``, ``val_loss``, ``val_accuracy``.

    >>> plain_metrics({"eval_loss": 0.5, "valid/acc": 0.9, "loss_epoch": 0.4, "note": "text"})
    {'val_loss': 0.5, 'val_acc': 0.9, 'train_loss': 0.4}
    """
    named: dict[str, float] = {}
    for name, value in metrics.items():
        plain = name.replace("/", "_").removesuffix("_epoch")
        first, _, rest = plain.partition("_")
        number = value.detach().item() if isinstance(value, Tensor) and value.numel() == 1 else value
        if plain.endswith("_step") or isinstance(number, bool) or not isinstance(number, int | float):
            continue
        if plain == "loss":
            plain = "train_loss"
        elif first in HELD_OUT and rest:
            plain = f"val_{rest}"
        if plain not in ("epoch", "step") and not plain.endswith(SPEEDS):
            named[plain] = float(number)
    return named


def told(findings: Sequence[Finding]) -> str:
    """Findings as lines for a person.

    >>> print(told([Finding("plateau", "advice", 0.6, "The loss is flat.", remedies=("reduce_on_plateau",))]))
    retemper's doctor: 1 finding, the most likely cause first
      advice   plateau (.60): The loss is flat. To try: reduce on plateau.
    >>> told([])
    "retemper's doctor: nothing found"
    """
    if not findings:
        return "retemper's doctor: nothing found"
    count = f"{len(findings)} finding{'s' if len(findings) > 1 else ''}"
    lines = [f"retemper's doctor: {count}, the most likely cause first"]
    for own in findings:
        advice = ", ".join(own.remedies).replace("_", " ")
        sure = f"{own.confidence:.2f}".removeprefix("0")
        lines.append(
            f"  {own.severity:8} {own.code} ({sure}): {own.message}"
            + (f" To try: {advice}." if advice else "")
        )
    return "\n".join(lines)


def _compiled(module: nn.Module) -> bool:
    return (
        type(module).__name__ == "OptimizedModule" or getattr(module, "_compiled_call_impl", None) is not None
    )
