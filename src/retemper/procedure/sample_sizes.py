"""Networks on an eighth, a quarter, half and all of the training rows: the points of a learning curve."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from retemper.core.records import NotApplicable
from retemper.core.seeds import generator
from retemper.procedure.book import Book, State, validation_rows
from retemper.procedure.jobs import job_of, member_of
from retemper.training.job import Job

DRAWS = (3, 3, 2, 2)
"""Networks of an eighth, a quarter, half and all rows; which rows were drawn matters most where they are few."""
LEAST_ROWS, MOST_ROWS = 40, 50_000
LEAST_SIZES = 3
FIRST_ID = 90_000
EPOCHS, STEPS = 8, 800
"""Of each training, at least, as far as the recipe goes: a curve needs networks nearly as good as their rows allow."""
LEAST_BATCH = 32
SHARE_OF_TIME = 0.6
PATIENCE = 1.5
"""A training may take so many times what was planned before it is stopped, and the curve with it."""


def row_losses_by_size(book: Book, state: State) -> tuple[list[int], list[NDArray[np.float64]]]:
    """Train the run's recipe on parts of the rows.

    Every draw has a seed of its own, derived from the run's; a smaller part lies within the larger ones of the same
    draw. All trainings make the same number of steps: a part of the rows gets a batch that is smaller by as much, with
    the rate scaled by the root of that (Malladi et al. 2022), or more epochs where the batch would fall below 32.

    Returns:
        numbers of rows, ascending, and for each the losses [draws, Nv] of the validation rows.

    Raises:
        NotApplicable: too few rows, no time, or trainings that were lost; the message says which.
    """
    sizes = sizes_of(len(state.splits.train))
    if len(sizes) < LEAST_SIZES:
        raise NotApplicable(
            f"{len(state.splits.train)} training rows are too few to be halved twice ({LEAST_ROWS} rows at least)"
        )
    plan = _decide(book, state, sizes)
    if plan is None:
        raise NotApplicable("the time left does not allow for trainings on parts of the rows")
    jobs = _jobs(book, state, sizes, plan[0])
    results = book.train(jobs, seconds=PATIENCE * plan[1])
    if any(result.stopped is not None for result in results):
        raise NotApplicable("the time ran out during the trainings on parts of the rows")
    losses: list[list[NDArray[np.float64]]] = [[] for _ in sizes]
    for job, result in zip(jobs, results, strict=True):
        said = result.outputs[0]
        if not np.isfinite(said).all():
            raise NotApplicable(f"a training on {job.rows} rows did not stay finite")
        losses[sizes.index(job.rows or 0)].append(validation_rows(state, said))
    return sizes, [np.stack(own) for own in losses]


def sizes_of(rows: int) -> list[int]:
    """All rows (50,000 at most), half of them, a quarter and an eighth, ascending; none smaller than 40.

    >>> sizes_of(1000), sizes_of(100)
    ([125, 250, 500, 1000], [50, 100])
    """
    most = min(rows, MOST_ROWS)
    return [most // 2**k for k in range(len(DRAWS) - 1, -1, -1) if most // 2**k >= LEAST_ROWS]


def _jobs(book: Book, state: State, sizes: list[int], epochs: int) -> list[Job]:
    """One for each size and draw, the largest first, so that none is left to end alone."""
    jobs = []
    for size, draws in reversed(list(zip(sizes, DRAWS[-len(sizes) :], strict=True))):
        jobs += [_job(book, state, size / sizes[-1], size, draw, epochs) for draw in range(draws)]
    return jobs


def _job(book: Book, state: State, share: float, size: int, draw: int, epochs: int) -> Job:
    training = state.recipe.training
    batch = min(training.batch_size, max(LEAST_BATCH, round(share * training.batch_size)))
    smaller = batch / training.batch_size
    member = member_of(state.recipe, FIRST_ID + draw)
    job = job_of(
        state,
        book,
        f"understand.{size}.{draw}",
        (replace(member, learning_rate=member.learning_rate * math.sqrt(smaller)),),
        max(1, round(epochs * smaller / share)),
        training={"signals": False, "batch_size": batch},
        rows=size,
        history="understand",
    )
    seed = generator(state.recipe.seed, "learning curve draw", draw).integers(2**31)
    return replace(job, seed=int(seed))


def _decide(book: Book, state: State, sizes: list[int]) -> tuple[int, float] | None:
    """Epochs of the largest size, and the seconds of all trainings; None without time for half the epochs."""
    steps = -(-sizes[-1] // state.recipe.training.batch_size)
    wanted = min(state.recipe.training.epochs, max(EPOCHS, -(-STEPS // steps)))

    def fit_into(left: float) -> list[float] | None:
        for epochs in range(wanted, (wanted - 1) // 2, -1):
            seconds = book.pace.seconds(_jobs(book, state, sizes, epochs), book.workers)
            if seconds <= SHARE_OF_TIME * left:
                return [epochs, seconds if math.isfinite(left) else 0.0]
        return None

    decided = book.budget.decide("understand.more_data", fit_into)
    return None if decided is None else (int(decided[0]), float(decided[1]))
