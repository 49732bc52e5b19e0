"""Trials that are calls of a person's own function: whatever can't be stacked, searched as everything else is."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from retemper.core import interrupt
from retemper.core.budget import now
from retemper.core.errors import shown
from retemper.search.engines.tasks import Lost, Tasks
from retemper.search.space import Setting
from retemper.search.trials import Evaluation, Order

Function = Callable[[Setting, int], float]
"""(setting, epochs) → the loss after so many epochs; NaN: it diverged."""
AHEAD = 2
"""Calls that are under way or wait at a place, so that no place waits for the next one."""
WAIT_S = 0.2


class FunctionTrials:
    """Evaluates orders by calling a function; a longer training begins anew.

    Args:
        function: what is minimised.
        tasks: where it is called.
    """

    def __init__(self, function: Function, tasks: Tasks) -> None:
        self._function, self._tasks = tasks.put(function), tasks

    def evaluate(self, orders: Sequence[Order]) -> Generator[list[Evaluation], Sequence[Order] | None]:
        """The evaluations, each as soon as it is there; it may be sent further orders, which come next."""
        waiting = list(reversed(orders))
        sent: dict[int, Order] = {}
        while waiting or sent:
            interrupt.check()
            while waiting and len(sent) < AHEAD * max(1, self._tasks.places()):
                order = waiting.pop()
                ticket = self._tasks.call(called, self._function, order.values, order.epochs)
                sent[ticket] = order
            if (done := self._tasks.done(WAIT_S)) is not None:
                ticket, answer = done
                more = yield [_evaluation(sent.pop(ticket), answer)]
                waiting += reversed(more or ())

    def recall(self, evaluations: Sequence[Evaluation]) -> None:
        """Nothing: no call goes on from another."""


def called(function: Function, values: Setting, epochs: int) -> tuple[float, float] | dict[str, str]:
    """Call the function, wherever that is: its loss and seconds, or what went wrong."""
    began = now()
    try:
        return float(function(dict(values), epochs)), now() - began
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        message = f"The function failed: {type(error).__name__}: {error} ({frame.name}, line {frame.lineno})"
        return _fault(
            "function_failed", message, "Mend the function, or leave this setting out of the space."
        )


def _evaluation(order: Order, answer: Any) -> Evaluation:
    if isinstance(answer, Lost):
        message = f"The process that called the function ended each time: {answer.why}"
        return Evaluation(order, error=_fault("worker_lost", message, "Let the function use less memory."))
    if isinstance(answer, BaseException):
        message = f"The function can't be called there: {answer}"
        hint = "Have what it imports installed on every machine."
        return Evaluation(order, error=_fault("cannot_call", message, hint))
    if isinstance(answer, Mapping):
        return Evaluation(order, error=answer)
    loss, seconds = answer
    fault = None
    if not math.isfinite(loss):
        fault = _fault("diverged", f"The function returned {loss}.", "Leave this setting out of the space.")
    return Evaluation(
        order, {order.folds[0]: loss}, trained_epochs=order.epochs, seconds=seconds, error=fault
    )


def _fault(code: str, message: str, advice: str) -> dict[str, str]:
    return {"code": code, "message": shown(message), "advice": advice}
