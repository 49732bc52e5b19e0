"""The family of losses by name, and the choice of one for a task."""

from __future__ import annotations

from retemper.core.errors import InputError
from retemper.core.options import Options
from retemper.core.recipe_sections import Chosen
from retemper.core.records import Task
from retemper.training.class_losses import BinaryCrossEntropy, ClassLoss, ClassOptions, CrossEntropy
from retemper.training.loss import Loss
from retemper.training.value_losses import Huber, MeanAbsoluteError, MeanSquaredError


class Auto(ClassOptions):
    """Cross-entropy for classes, squared error for numbers; the options below are for classes only."""


ENTRIES: dict[str, type[Options]] = {
    "auto": Auto,
    "cross_entropy": CrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "huber": Huber,
}


def resolve(chosen: Chosen, task: Task, n_classes: int) -> Loss:
    """The loss that a recipe's choice means for a task.

    Args:
        chosen: the recipe's ``training.loss``.
        task: what is predicted.
        n_classes: number of classes; 0 for regression.

    Raises:
        InputError: the loss does not fit the task, or has options that the task has no use for.

    >>> chosen = Chosen(family="loss", name="auto", options=Auto())
    >>> type(resolve(chosen, "classification", 3)).__name__
    'CrossEntropy'
    """
    options = chosen.options
    if isinstance(options, Auto):
        if task == "classification":
            return CrossEntropy(**options.model_dump())
        if options != Auto():
            raise _mismatch(
                "label_smoothing, class_weights and resampling are for classes, but the target is a number."
            )
        return MeanSquaredError()
    if not isinstance(options, Loss):
        raise TypeError(f"the loss {chosen.name!r} is not a Loss")
    if isinstance(options, ClassLoss) != (task == "classification"):
        raise _mismatch(f"The loss {chosen.name} does not fit the task {task}.")
    if isinstance(options, BinaryCrossEntropy) and n_classes != 2:
        raise _mismatch(f"binary_cross_entropy needs 2 classes, but the target has {n_classes}.")
    return options


def _mismatch(message: str) -> InputError:
    hint = "Leave training.loss at auto, or name a loss that fits the task."
    return InputError("loss_mismatch", message, {"option": "training.loss"}, hint)
