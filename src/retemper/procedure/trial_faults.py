"""What made a trial fail, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Sequence

from retemper.core.errors import InputError
from retemper.search.stored_trials import failures
from retemper.search.trials import Trial

DIVERGED = {
    "code": "diverged",
    "message": "The network diverged: its validation loss was never finite.",
    "advice": "Search lower rates (training.optimizer.learning_rate), or set training.clip_norm.",
}


def said(fault: InputError) -> dict[str, str]:
    """An error as a trial keeps it."""
    return {"code": fault.code, "message": fault.message, "advice": fault.hint}


def unbuilt(error: Exception) -> InputError:
    """The error of a network that can't be built, in whatever words the reason came.

    >>> unbuilt(ValueError("width is odd")).message
    "The network can't be built: width is odd"
    """
    message = f"The network can't be built: {error or type(error).__name__}"
    return InputError(
        "cannot_build", message, None, "Leave this setting out of the space, or make it smaller."
    )


def none_left(trials: Sequence[Trial], folder: str) -> InputError:
    """The error of a search in which every trial failed."""
    counted = failures(trials)
    where = {"folder": folder}
    if not counted:
        return InputError(
            "no_trial", "The search came to its end without a trial.", where, "Allow more time."
        )
    most = "; ".join(f"{count} ×: {message}" for count, message, _ in counted[:3])
    advice = counted[0][2]
    return InputError("all_trials_failed", f"None of {len(trials)} trials trained. {most}", where, advice)
