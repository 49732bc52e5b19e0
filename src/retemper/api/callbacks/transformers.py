"""The doctor as a callback of Hugging Face's Trainer."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from retemper.api.callbacks.absent import absent
from retemper.api.callbacks.doctor_callback import DoctorCallback

try:
    from transformers import TrainerCallback
except ImportError:
    TrainerCallback = absent("TransformersDoctor", "Transformers", "pip install transformers accelerate")


class TransformersDoctor(DoctorCallback, TrainerCallback):  # type: ignore[misc]
    """Watches a training by Hugging Face's Trainer: ``Trainer(…, callbacks=[retemper.TransformersDoctor()])``.

    The first batch is overheard: the model's inputs, its labels and the loss that the model or the Trainer holds its
    logits against; more rows come from the data sets. The batches' losses are those that the model gives. Every
    evaluation is a point of the curves.

    Args:
        loss: callable of (outputs, targets), where the loss is written by hand (label smoothing is).
        task: classification, multilabel or regression; None: by the targets.
        train_data, val_data: (inputs, targets) as the model takes them; None: overheard.
        quiet: print no findings at the end of the training.

    Raises:
        InputError: transformers is not installed.

    >>> doctor = TransformersDoctor()  # doctest: +SKIP
    >>> Trainer(model, arguments, train_dataset=rows, callbacks=[doctor]).train()  # doctest: +SKIP
    >>> doctor.findings()[0].code  # doctest: +SKIP
    'learning_rate_too_low'
    """

    _hook: Any = None
    _epoch_is_over = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **told: Any) -> None:
        self._hook = told["model"].register_forward_hook(self._hear_loss)
        self._epoch_is_over = False
        self._companion.listen(told["model"], [_inner(told["optimizer"])], told.get("train_dataloader"))

    def on_substep_end(self, args: Any, state: Any, control: Any, **told: Any) -> None:
        self._companion.hush()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **told: Any) -> None:
        self._companion.hush()

    def on_step_end(self, args: Any, state: Any, control: Any, **told: Any) -> None:
        self._companion.stepped()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **told: Any) -> None:
        self._flush()

    def on_epoch_end(self, args: Any, state: Any, control: Any, **told: Any) -> None:
        self._epoch_is_over = True

    def on_evaluate(self, args: Any, state: Any, control: Any, **told: Any) -> None:
        if not self._companion.watching:
            return
        self._companion.hold_out(told.get("eval_dataloader"))
        self._companion.epoch(told.get("metrics") or {})
        self._epoch_is_over = False

    def on_train_end(self, args: Any, state: Any, control: Any, **told: Any) -> None:
        self._flush()
        self._hook.remove()
        self._companion.end()

    def _flush(self) -> None:
        """An epoch that no evaluation followed."""
        if self._epoch_is_over:
            self._companion.epoch({})
        self._epoch_is_over = False

    def _hear_loss(self, model: nn.Module, args: Any, outputs: Any) -> None:
        loss = outputs.get("loss") if hasattr(outputs, "get") else None
        if isinstance(loss, Tensor) and loss.requires_grad:
            self._companion.heard_loss(loss)


def _inner(optimizer: Any) -> Any:
    """PyTorch's optimizer within Accelerate's."""
    while hasattr(optimizer, "optimizer"):
        optimizer = optimizer.optimizer
    return optimizer
