"""The doctor as a callback of Keras 3 on PyTorch."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from torch import Tensor
from torch.utils.hooks import RemovableHandle

from retemper.api.callbacks.absent import absent
from retemper.api.callbacks.companion import Companion
from retemper.api.callbacks.doctor_callback import DoctorCallback
from retemper.api.callbacks.overheard import FirstBatch
from retemper.core.errors import InputError

try:
    import keras
    from keras.callbacks import Callback
except ImportError:
    Callback = absent("KerasDoctor", "Keras 3", "pip install 'keras>=3'")


class KerasDoctor(DoctorCallback, Callback):  # type: ignore[misc]
    """Watches a Keras training on PyTorch: ``model.fit(x, y, callbacks=[retemper.KerasDoctor()])``.

    The loss is the compiled one; the first batch is overheard. Keras shows its callbacks no data, so more evidence
    comes from ``train_data`` and ``val_data``. Of accumulated batches the gradients of the last one are seen.

    Args:
        loss: callable of (outputs, targets), where the model overrides ``compute_loss``.
        task: classification, multilabel or regression; None: by the targets.
        train_data, val_data: (inputs, targets) as given to ``fit``; None: the first batch, and nothing.
        quiet: print no findings at the end of the training.

    Raises:
        InputError: Keras is not installed, or runs on another back end than PyTorch.

    >>> doctor = KerasDoctor(train_data=(x, y))  # doctest: +SKIP
    >>> model.fit(x, y, epochs=20, callbacks=[doctor])  # doctest: +SKIP
    >>> doctor.findings()[0].code  # doctest: +SKIP
    'single_unit_softmax'
    """

    _steps: KerasSteps | None = None

    def _ready(self) -> None:
        if keras.backend.backend() != "torch":
            raise InputError(
                "bad_option",
                f"KerasDoctor watches PyTorch, but Keras runs on {keras.backend.backend()}.",
                {"option": "KERAS_BACKEND"},
                "Set KERAS_BACKEND=torch before Keras is imported.",
            )

    def on_train_begin(self, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        kind = type(getattr(optimizer, "inner_optimizer", optimizer)).__name__
        # The class's name is the optimizer's, as facts of PyTorch's own optimizers are read.
        self._steps = type(kind, (KerasSteps,), {})(self.model, self._companion)
        compute_loss = self.model.compute_loss

        def overheard(x: Any = None, y: Any = None, y_pred: Any = None, *rest: Any, **options: Any) -> Any:
            self._restore()
            heard = FirstBatch(self.model, x, y if isinstance(y, Tensor) else None, self._loss(y_pred))
            self._companion.begin(heard, self.model, [self._steps], None, None)
            return compute_loss(x, y, y_pred, *rest, **options)

        self.model.__dict__["compute_loss"] = overheard

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._restore()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._companion.epoch(logs or {})

    def on_train_end(self, logs: Any = None) -> None:
        self._restore()
        if self._steps is not None:
            self._steps.close()
        self._companion.end()

    def _restore(self) -> None:
        self.model.__dict__.pop("compute_loss", None)

    def _loss(self, outputs: Any) -> Any:
        """The compiled loss as a callable of (outputs, targets); None for several outputs."""
        if not isinstance(self.model.loss, str | keras.losses.Loss) and not callable(self.model.loss):
            return None
        if not isinstance(outputs, Tensor):
            return None
        own = keras.losses.get(self.model.loss)

        def loss(outputs: Any, targets: Any) -> Any:
            value = own(targets, outputs)
            return value.mean() if value.dim() else value

        return loss


class KerasSteps:
    """A Keras optimizer with the hooks and parameter groups that PyTorch's optimizers have.

    Only ``apply`` (the step) and ``scale_loss`` (the loss comes by there) of this one optimizer are wrapped, until
    :meth:`close`.

    Args:
        model: compiled and built.
        companion: told the losses and the steps.
    """

    def __init__(self, model: Any, companion: Companion) -> None:
        self._outer = model.optimizer
        self._optimizer = getattr(self._outer, "inner_optimizer", self._outer)
        self._parameters = [own.value for own in model.trainable_variables]
        self._companion = companion
        self._before: OrderedDict[int, Any] = OrderedDict()
        self._after: OrderedDict[int, Any] = OrderedDict()
        apply, scale_loss = self._optimizer.apply, self._outer.scale_loss

        def stepping(*args: Any, **kwargs: Any) -> Any:
            if not self._moves():
                return apply(*args, **kwargs)
            for hook in tuple(self._before.values()):
                hook(self, (), {})
            result = apply(*args, **kwargs)
            for hook in tuple(self._after.values()):
                hook(self, (), {})
            companion.stepped()
            return result

        def scaling(loss: Any) -> Any:
            companion.heard_loss(loss)
            return scale_loss(loss)

        vars(self._optimizer)["apply"] = stepping
        vars(self._outer)["scale_loss"] = scaling

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """One group with all that is trained, and the rate of the next step."""
        kept = {name: getattr(self._optimizer, name, None) for name in ("momentum", "weight_decay")}
        options = {name: own for name, own in kept.items() if isinstance(own, int | float)}
        rate = float(keras.ops.convert_to_numpy(self._optimizer.learning_rate))
        return [{"params": self._parameters, "lr": rate, **options}]

    @property
    def grad_scale(self) -> float | None:
        """That gradients are larger by under mixed precision."""
        scale = getattr(self._outer, "dynamic_scale", None)
        return None if scale is None else float(keras.ops.convert_to_numpy(scale))

    def register_step_pre_hook(self, hook: Any) -> RemovableHandle:
        """As PyTorch's."""
        return _added(self._before, hook)

    def register_step_post_hook(self, hook: Any) -> RemovableHandle:
        """As PyTorch's."""
        return _added(self._after, hook)

    def close(self) -> None:
        """The optimizer's own methods again."""
        vars(self._optimizer).pop("apply", None)
        vars(self._outer).pop("scale_loss", None)

    def _moves(self) -> bool:
        """Whether the next call moves weights; of accumulated batches the last one does."""
        each = self._optimizer.gradient_accumulation_steps
        return not each or (int(self._optimizer._iterations) + 1) % each == 0


def _added(hooks: OrderedDict[int, Any], hook: Any) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle
