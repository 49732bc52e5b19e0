"""What the callbacks of all libraries are made with, and are asked for in the end."""

from __future__ import annotations

from typing import Any

from retemper.api.callbacks.companion import Companion, Given
from retemper.api.watch import Doctor
from retemper.core.records import Finding
from retemper.doctor.case import Task
from retemper.doctor.observe.loss_kind import LossFunction


class DoctorCallback:
    """The side of a callback that faces the person; it stands before the library's own base class.

    Args:
        loss: callable of (outputs, targets); None: overheard.
        task: classification, multilabel or regression; None: by the targets.
        train_data, val_data: (inputs, targets) as the network takes them, or a loader of such batches; None: overheard.
        quiet: print no findings at the end of the training.

    Raises:
        InputError: the library is not installed, or can't be watched here.

    >>> own = DoctorCallback(quiet=True)
    >>> own.findings()
    Traceback (most recent call last):
    retemper.core.errors.InputError: No training was watched: no training has begun. ...
    """

    def __init__(
        self,
        loss: LossFunction | None = None,
        task: Task | None = None,
        train_data: Any = None,
        val_data: Any = None,
        quiet: bool = False,
    ) -> None:
        super().__init__()
        self._ready()
        self._companion = Companion(Given(loss, task, train_data, val_data), quiet)

    @property
    def doctor(self) -> Doctor:
        """The doctor itself: ``.plot()``, ``.case()``.

        Raises:
            InputError: no training was watched.
        """
        return self._companion.doctor()

    def findings(self) -> list[Finding]:
        """What was found, the most likely cause first.

        Raises:
            InputError: no training was watched.
        """
        return self.doctor.findings()

    def _ready(self) -> None:
        """Refuse, where the library can't be watched as it is set up."""
