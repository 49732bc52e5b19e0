"""How long the model takes to answer: what a look at it may ask depends on that."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from retemper.evaluation.held_out import HeldOut
from retemper.procedure.book import Book

MEASURED_ROWS = 1_000


@dataclass(frozen=True)
class AnswerTime:
    """Seconds of a call however few rows it has, and of each row; both 0 without a limit, where no clock is read.

    Of a call with 75 rows nearly all is its start, so that a figure for a row alone would make large calls look as
    long as many small ones.
    """

    call_s: float
    row_s: float

    def seconds(self, calls: int, rows: int) -> float:
        """Of so many calls with so many rows each.

        >>> AnswerTime(0.25, 0.5).seconds(calls=2, rows=10)
        10.5
        """
        return calls * (self.call_s + rows * self.row_s)


def answer_time(book: Book, held: HeldOut) -> AnswerTime:
    """Measured on one row and on 1,000, the rows again and again where there are fewer."""

    def measure(left: float) -> list[float]:
        if math.isinf(left):
            return [0.0, 0.0]
        _seconds(book, held, 1)  # the first call builds the networks
        call, many = (_seconds(book, held, rows) for rows in (1, MEASURED_ROWS))
        return [call, max(0.0, many - call) / MEASURED_ROWS]

    return AnswerTime(*book.budget.decide("understand.seconds_a_call_and_row", measure))


def _seconds(book: Book, held: HeldOut, rows: int) -> float:
    some = held.take(np.arange(rows) % held.rows)
    began = book.budget.elapsed_s()
    some.outputs()
    return book.budget.elapsed_s() - began
