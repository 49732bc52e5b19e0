"""A fair sample of someone's training rows, from tensors, arrays or a loader, as the network takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from retemper.core import seeds
from retemper.core.errors import InputError
from retemper.core.records import NotApplicable
from retemper.doctor.observe.traceless import traceless

Rows = tuple[Any, Tensor]
TARGETS = ("labels", "label", "targets", "target", "y")


def some_rows(data: Any, most: int) -> Rows | None:
    """Inputs and targets of up to ``most`` rows in a random order, that is the same every time.

    Args:
        data: (inputs, targets) as tensors, arrays or lists, inputs also as a tuple or a mapping of them; or a loader of
            batches (inputs, targets), (inputs, inputs, …, targets) or mappings with ``labels``; None gives None.
        most: rows.

    Raises:
        InputError: neither.
        NotApplicable: an iterator, that reading would use up; no rows; inputs and targets that are not row by row.

    >>> x, y = some_rows((torch.arange(10.0)[:, None], list(range(10))), 4)
    >>> x.shape, bool((x[:, 0] == y).all())
    (torch.Size([4, 1]), True)
    """
    if data is None:
        return None
    if isinstance(data, tuple) and len(data) == 2:
        x, y = as_rows(data[0]), as_rows(data[1])
    else:
        x, y = _of_loader(data, most)
    count = rows_of(y)
    if not count:
        raise NotApplicable("there are no training rows")
    if any(rows_of(part) != count for part in parts_of(x)):
        raise NotApplicable("inputs and targets are not row by row: their first dimensions differ")
    order = torch.from_numpy(seeds.generator(0, "doctor_rows").permutation(count)[:most])
    return taken((x, y), lambda part: part[order.to(part.device)])


def first_rows(rows: Rows, count: int) -> Rows:
    """The first rows of a sample."""
    return taken(rows, lambda part: part[:count])


def taken(rows: Rows, choose: Callable[[Tensor], Tensor]) -> Rows:
    """The rows with something done to each tensor of inputs and to the targets."""
    x, y = rows
    return changed(x, choose), choose(y)


def changed(x: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Inputs with something done to each tensor."""
    if isinstance(x, tuple):
        return tuple(changed(part, change) for part in x)
    if isinstance(x, dict):
        return {name: changed(part, change) for name, part in x.items()}
    return change(x) if isinstance(x, Tensor) and x.dim() else x


def parts_of(x: Any) -> list[Tensor]:
    """All tensors of inputs that have rows."""
    if isinstance(x, Tensor):
        return [x] if x.dim() else []
    parts = x if isinstance(x, tuple | list) else x.values() if isinstance(x, dict) else ()
    return [each for part in parts for each in parts_of(part)]


def rows_of(part: Any) -> int:
    """How many rows a tensor has."""
    return len(part) if isinstance(part, Tensor) and part.dim() else 0


def suited(rows: Rows, device: torch.device, dtype: torch.dtype) -> Rows:
    """The rows where the network's numbers are, and of their type, as its training has to bring them there, too."""

    def bring(part: Tensor) -> Tensor:
        return part.detach().to(device, dtype if part.is_floating_point() else None)

    return taken(rows, bring)


def as_rows(values: Any) -> Any:
    """Arrays and lists as tensors; what is a tensor stays, of tuples and mappings each part."""
    if isinstance(values, Tensor):
        return values
    if isinstance(values, tuple):
        return tuple(as_rows(each) for each in values)
    if isinstance(values, dict):
        return {name: as_rows(each) for name, each in values.items()}
    array = np.asarray(values)
    if array.dtype == object or array.dtype.kind in "USOM":
        raise InputError(
            "bad_data",
            f"Rows must be numbers, but got {array.dtype}.",
            None,
            "Give what the network itself is given: tensors.",
        )
    return torch.from_numpy(
        np.ascontiguousarray(array.astype(np.float32) if array.dtype == np.float64 else array)
    )


def _of_loader(data: Any, most: int) -> Rows:
    parts: list[Rows] = []
    with traceless(), _generators_kept(data):
        for batch in _batches(data):
            parts.append(_pair(batch))
            if sum(rows_of(y) for _, y in parts) >= most:
                break
    if not parts:
        raise NotApplicable("the loader gave no batches")
    try:
        return _joined([x for x, _ in parts]), torch.cat([y for _, y in parts])
    except (RuntimeError, TypeError, KeyError):  # batches of different lengths
        return parts[0]


def _batches(data: Any) -> Iterator[Any]:
    try:
        batches: Iterator[Any] = iter(data)
    except TypeError:
        raise InputError(
            "bad_data",
            f"Rows must be a pair (inputs, targets) or a loader of such pairs, but got {type(data).__name__}.",
            None,
            "Give train_data=(x, y).",
        ) from None
    if batches is data:
        raise NotApplicable(
            "the rows come from an iterator, that looking would use up: give a loader or tensors"
        )
    return batches


def _pair(batch: Any) -> Rows:
    if isinstance(batch, dict):
        name = next((name for name in TARGETS if name in batch), None)
        if name is None:
            raise NotApplicable(f"a batch has none of {', '.join(TARGETS)}")
        return as_rows({key: own for key, own in batch.items() if key != name}), as_rows(batch[name])
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        raise NotApplicable("a batch is no pair of inputs and targets")
    x = batch[0] if len(batch) == 2 else tuple(batch[:-1])
    return as_rows(tuple(x) if isinstance(x, list) and x and isinstance(x[0], Tensor) else x), as_rows(
        batch[-1]
    )


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], tuple):
        return tuple(_joined(list(own)) for own in zip(*parts, strict=True))
    if isinstance(parts[0], dict):
        return {name: _joined([own[name] for own in parts]) for name in parts[0]}
    return torch.cat(parts)


@contextmanager
def _generators_kept(loader: Any) -> Iterator[None]:
    """Generators of a loader's own go on as if nothing had been read."""
    owners = [
        loader,
        getattr(loader, "sampler", None),
        getattr(getattr(loader, "batch_sampler", None), "sampler", None),
    ]
    own = [
        each
        for each in (getattr(owner, "generator", None) for owner in owners)
        if isinstance(each, torch.Generator)
    ]
    states = [each.get_state() for each in own]
    try:
        yield
    finally:
        for each, state in zip(own, states, strict=True):
            each.set_state(state)
