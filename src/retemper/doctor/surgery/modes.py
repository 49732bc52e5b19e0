"""Training and evaluation mode of a person's own network: each part acts in the one, and not in the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

from torch import nn

from retemper.core.records import NotApplicable
from retemper.doctor.surgery.patient import Patient
from retemper.doctor.surgery.rewired import Rewired

DROPOUTS: dict[str, type[nn.Module]] = {
    "dropout": nn.Dropout,
    "dropout1d": nn.Dropout1d,
    "dropout2d": nn.Dropout2d,
    "dropout3d": nn.Dropout3d,
    "alpha_dropout": nn.AlphaDropout,
}


class Obedient(nn.Module):
    """A network all of whose parts take the mode they are given, whatever their own ``train`` makes of it.

    >>> class Stubborn(nn.Dropout):
    ...     def train(self, mode=True):
    ...         return super().train(False)
    >>> stubborn = Stubborn().train()
    >>> stubborn.training, Obedient(stubborn).train().network.training
    (False, True)
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """As the network's own."""
        return self.network(*args, **kwargs)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of every part."""
        for part in self.modules():
            part.training = mode
        return self


def learning_in_training_mode(patient: Patient) -> Patient:
    """The patient, its parts brought into training mode by ``train()``.

    Raises:
        NotApplicable: they are already.
    """
    modes = {part: part.training for part in patient.network.modules()}
    stubborn = not all(part.training for part in patient.network.train().modules())
    for part, mode in modes.items():
        part.training = mode
    if not stubborn:
        raise NotApplicable("train() brings all its parts into training mode; a loop has but to call it")
    return replace(patient, network=Obedient(patient.network))


def resting_in_evaluation_mode(patient: Patient) -> Patient:
    """The patient, each dropout that acts in evaluation mode, too, replaced by one that doesn't.

    Raises:
        NotApplicable: there is none; or the forward pass can't be followed.
    """
    acting = {place: own for place, own in enumerate(patient.operations()) if own.acts}
    if not acting:
        raise NotApplicable("its dropouts rest in evaluation mode; a loop has but to call eval()")
    modules = {place: DROPOUTS[own.name](own.rate) for place, own in acting.items()}
    return replace(patient, network=Rewired(patient.network, instead=modules))
