"""Networks on an eighth, a quarter, half and all of the training rows: the points of a learning curve."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from retemper.core.records import NotApplicable
from retemper.core.seeds import generator
from retemper.procedure.book import Book, State, validation_rows
from retemper.procedure.jobs import contender_of, job_of
from retemper.training.job import Job

HALVINGS = 3
DRAWS = 3
"""Networks of each size, each with rows, start and order of its own."""
LEAST_ROWS = 40
LEAST_SIZES = 3
FIRST_ID = 90_000
MOST_STEPS = 3000
"""Of a training on all rows. A curve needs networks that are as good as their rows allow, not the best there are."""
SHARE_OF_TIME = 0.6
PATIENCE = 1.5
"""A training may take so many times what was planned before it is stopped, and the curve with it."""


def row_losses_by_size(book: Book, state: State) -> tuple[list[int], list[NDArray[np.float64]]]:
    """Train the run's recipe on parts of the rows.

    Every draw has a seed of its own, derived from the run's; a smaller part lies within the larger ones of the same
    draw. A part of the rows gets more epochs, by √(all rows / its rows), since its steps are fewer; the best epoch
    counts as ever.

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
    outputs = [result.outputs[0] for result in results]
    losses: list[NDArray[np.float64]] = []
    for k, size in enumerate(sizes):
        own = [said for said in outputs[k * DRAWS : (k + 1) * DRAWS] if np.isfinite(said).all()]
        if len(own) < DRAWS:
            raise NotApplicable(f"a training on {size} rows did not stay finite")
        losses.append(np.stack([validation_rows(state, said) for said in own]))
    return sizes, losses


def sizes_of(rows: int) -> list[int]:
    """All rows, half of them, a quarter and an eighth, ascending; none smaller than 40.

    >>> sizes_of(1000), sizes_of(100)
    ([125, 250, 500, 1000], [50, 100])
    """
    halved = [rows // 2**k for k in range(HALVINGS, -1, -1)]
    return [size for size in halved if size >= LEAST_ROWS]


def _jobs(book: Book, state: State, sizes: list[int], epochs: int) -> list[Job]:
    jobs = []
    for size in sizes:
        more = max(1, round(epochs * math.sqrt(sizes[-1] / size)))
        for draw in range(DRAWS):
            contender = contender_of(state.recipe, FIRST_ID + draw)
            job = job_of(
                state,
                book,
                f"understand.{size}_rows.{draw}",
                (contender.member,),
                more,
                model=contender.model,
                training={"signals": False},
                rows=size,
                history="understand",
            )
            seed = int(generator(state.recipe.seed, "learning curve draw", draw).integers(2**31))
            jobs.append(replace(job, seed=seed))
    return jobs


def _decide(book: Book, state: State, sizes: list[int]) -> tuple[int, float] | None:
    steps = -(-sizes[-1] // state.recipe.training.batch_size)
    wanted = max(2, min(state.recipe.training.epochs, MOST_STEPS // steps))
    least = max(2, wanted // 3)

    def fit_into(left: float) -> list[float] | None:
        for epochs in range(wanted, least - 1, -1):
            jobs = _jobs(book, state, sizes, epochs)
            seconds = sum(book.pace.seconds(job, 1) for job in jobs) / book.workers
            if seconds <= SHARE_OF_TIME * left:
                return [epochs, seconds if math.isfinite(left) else 0.0]
        return None

    decided = book.budget.decide("understand.more_data", fit_into)
    return None if decided is None else (int(decided[0]), float(decided[1]))
