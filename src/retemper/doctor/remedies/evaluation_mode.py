"""Evaluation mode: dropout rests, and the statistics of all batches hold, while it is judged."""

from __future__ import annotations

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.surgery.modes import resting_in_evaluation_mode
from retemper.doctor.surgery.patient import Patient


class Options(Base):
    """Nothing to choose."""


DEFAULT = Options()


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """Let dropouts go by the mode: ``F.dropout(x, p)`` without ``training=self.training`` never rests.

    In a loop of your own call ``model.eval()`` before the network is judged or used, and ``model.train()`` afterwards;
    retemper's loop does so by itself.

    Raises:
        NotApplicable: every dropout rests in evaluation mode.
    """
    return resting_in_evaluation_mode(patient)
