"""Where the search's networks train: as stacks or one by one in this machine's processes, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from retemper.core.records import Step
from retemper.procedure import search
from retemper.procedure.book import Book, State
from retemper.search.engines.cluster import Cluster
from retemper.search.engines.ray_pool import RayPool


def run(book: Book, state: State) -> tuple[State, Step]:
    """The step ``search`` on the engine that the recipe names (``tune.engine``); no result depends on which."""
    with opened(book, state) as own:
        return search.run(own, state)


@contextmanager
def opened(book: Book, state: State) -> Iterator[Book]:
    """The book with the pool of the engine.

    Raises:
        InputError: Ray is not installed, or the cluster can't be reached.
    """
    tune = state.recipe.tune
    if tune.engine != "ray":
        yield book
        return
    with Cluster(tune.address, tune.gpus_per_job) as cluster, RayPool(book.pool.folder, cluster) as pool:
        # Whoever goes on or replays cuts the stacks as before, however many nodes there are by then.
        places = book.budget.made.get("search.places", pool.workers)
        book.budget.record("search.places", places)
        book.folder.log({"event": "cluster", "places": pool.workers, "gpus_per_job": tune.gpus_per_job})
        yield replace(book, pool=pool, workers=places)
