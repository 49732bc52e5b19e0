"""The doctor's page of one training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from retemper.doctor.case import Case
from retemper.doctor.examine import examine
from retemper.doctor.observe.activations import Histogram
from retemper.report.doctor_facts import DoctorRecords, doctor_facts
from retemper.report.doctor_page import write
from retemper.report.page_file import page_place


def pictured(case: Case, first: Sequence[Histogram], last: Sequence[Histogram], path: str | Path) -> Path:
    """Write the page.

    Args:
        case: all that is known of the training.
        first, last: activations before training and now.
        path: its name ends in .html.

    Raises:
        InputError: it does not, or the file can't be written.
    """
    place = page_place(path, "path", 'doctor.plot("doctor.html")')
    found = examine([case])
    told = DoctorRecords(
        findings=found.findings,
        not_applicable=found.not_applicable,
        series=case.history.series if case.history else {},
        trivial=case.loss.trivial if case.loss else math.nan,
        looks=vars(case.signals) if case.signals else {},
        first=[vars(own) for own in first],
        last=[vars(own) for own in last],
    )
    return write(doctor_facts(told), place)
