"""Work on columns and blocks of rows in as many threads as there are cores.

Polars and NumPy let go of the interpreter while they work, so that threads share the cores; the results and their
order are those of a plain loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from retemper.core.device import cores

Item = TypeVar("Item")
Result = TypeVar("Result")


def threaded(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """``work(item)`` of each item, in the items' order; an error comes where a plain loop would have raised it.

    At most one item more than there are cores is under way or waits to be fetched, so that memory stays flat.

    Args:
        work: does not depend on the other items.
        items: taken by the calling thread, one by one.

    >>> list(threaded(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    count = cores()
    if count == 1:
        yield from map(work, items)
        return
    pool = ThreadPoolExecutor(count)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
