"""Training mode: dropout and the statistics of batches act while it learns."""

from __future__ import annotations

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.surgery.modes import learning_in_training_mode
from retemper.doctor.surgery.patient import Patient


class Options(Base):
    """Nothing to choose."""


DEFAULT = Options()


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """Let ``train()`` reach every part of the network.

    In a loop of your own call ``model.train()`` before each epoch, for whoever judged the network left it in
    evaluation mode; retemper's loop does so by itself.

    Raises:
        NotApplicable: ``train()`` reaches every part.
    """
    return learning_in_training_mode(patient)
