"""The doctor as a callback of Lightning."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from retemper.api.callbacks.absent import absent
from retemper.api.callbacks.doctor_callback import DoctorCallback

try:
    from lightning.pytorch import Callback
except ImportError:
    try:
        from pytorch_lightning import Callback
    except ImportError:
        Callback = absent("LightningDoctor", "Lightning", "pip install lightning")


class LightningDoctor(DoctorCallback, Callback):  # type: ignore[misc]
    """Watches a Lightning training: ``Trainer(callbacks=[retemper.LightningDoctor()])``.

    The first batch is overheard: which network is asked, with which inputs, and which of PyTorch's losses judges its
    outputs. More rows come from the trainer's data sets. With manual optimization every optimizer is watched; losses of
    accumulated batches make one step; a scaled loss (16-bit) is scaled back.

    Args:
        loss: callable of (outputs, targets), where the module writes its loss by hand.
        task: classification, multilabel or regression; None: by the targets.
        train_data, val_data: (inputs, targets) as the network takes them; None: overheard.
        quiet: print no findings at the end of the training.

    Raises:
        InputError: Lightning is not installed.

    >>> doctor = LightningDoctor()  # doctest: +SKIP
    >>> Trainer(callbacks=[doctor]).fit(module, loader)  # doctest: +SKIP
    >>> doctor.findings()[0].code  # doctest: +SKIP
    'learning_rate_too_high'
    """

    _taken, _sums = 0, True

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self._taken, self._sums = trainer.global_step, pl_module.automatic_optimization
        held_out = trainer.val_dataloaders
        self._companion.listen(pl_module, trainer.optimizers, trainer.train_dataloader, held_out)

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Tensor) -> None:
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        self._companion.heard_loss(loss.detach() / (scaler.get_scale() if scaler is not None else 1.0))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *batch: Any) -> None:
        self._companion.hush()
        if trainer.global_step != self._taken:
            self._taken = trainer.global_step
            self._companion.stepped(self._sums)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self._companion.epoch(trainer.callback_metrics)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self._companion.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self._companion.end()
