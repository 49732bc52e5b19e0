"""Work on columns and blocks of rows in as many threads as there are cores.

Polars and NumPy let go of the interpreter while they work, so that threads share the cores; the results and their
order are those of a plain loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter
from typing import TypeVar

from retemper.core.device import cores

QUICK_S, MANY, TRIAL_S = 5e-4, 16, 8e-3
"""What an item takes that is not worth a thread, how many items there must be for the first to be a small part, and
how long they are tried here: one that is slow says little of the others."""
Item = TypeVar("Item")
Result = TypeVar("Result")


def threaded(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """``work(item)`` of each item, in the items' order; an error comes where a plain loop would have raised it.

    At most one item more than there are cores is under way or waits to be fetched, so that memory stays flat. Of many
    items those at the start are done here, all of them where they take no time: handing one over costs more.

    Args:
        work: does not depend on the other items.
        items: taken by the calling thread, one by one.

    >>> list(threaded(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    length = len(items) if isinstance(items, Sized) else 0
    count, left, many = 1 if length == 1 else cores(), iter(items), length >= MANY
    done, spent_s = 0, 0.0
    while count == 1 or (many and spent_s <= max(TRIAL_S, done * QUICK_S)):
        try:
            item = next(left)
        except StopIteration:
            return
        began = perf_counter()
        result = work(item)
        done, spent_s = done + 1, spent_s + perf_counter() - began
        yield result
    pool = ThreadPoolExecutor(count)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in left:
            waiting.append(pool.submit(work, item))
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
