"""More rows than one batch, from the data set behind a loader; the loader itself is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.utils.data import IterableDataset

from retemper.core import seeds
from retemper.doctor.observe.rows import Rows, parts_of, some_rows
from retemper.doctor.observe.traceless import traceless

MOST_ROWS, MOST_NUMBERS = 2048, 10_000_000


def rows_like(x: Any, y: Tensor, loader: Any) -> Rows | None:
    """A fair sample of a loader's rows, provided its batches are what the network and the loss were given.

    Iterating over a loader in use would move its samplers on; so rows are taken from the data set by their numbers and
    put together by the loader's own ``collate_fn``.

    Args:
        x, y: inputs and targets of the first batch.
        loader: PyTorch's, or a list with one of them, or None.

    Returns:
        inputs and targets; None where there is no data set with numbered rows, or its rows look different.

    >>> import torch
    >>> from torch.utils.data import DataLoader, TensorDataset
    >>> whole = TensorDataset(torch.rand(100, 3), torch.zeros(100, 1))
    >>> rows_like(torch.rand(8, 3), torch.zeros(8, 1), DataLoader(whole, 8))[0].shape
    torch.Size([100, 3])
    """
    loader = loader[0] if isinstance(loader, list | tuple) and len(loader) == 1 else loader
    dataset: Any = getattr(loader, "dataset", None)
    collate = getattr(loader, "collate_fn", None)
    if collate is None or isinstance(dataset, IterableDataset) or not hasattr(dataset, "__getitem__"):
        return None
    try:
        with traceless():
            count = min(MOST_ROWS, max(len(y), MOST_NUMBERS * len(y) // _numbers(x)))
            chosen = seeds.generator(0, "doctor_loader").permutation(len(dataset))[:count]
            batch = collate([dataset[int(number)] for number in chosen])
            rows = some_rows([dict(batch) if isinstance(batch, Mapping) else batch], count)
    except Exception:  # a data set of someone else's: whatever it raises, the first batch is there
        return None
    return rows if rows is not None and _form(rows[0]) == _form(x) and _form(rows[1]) == _form(y) else None


def _numbers(x: Any) -> int:
    return max(1, sum(part.numel() for part in parts_of(x)))


def _form(values: Any) -> Any:
    """Structure, kind and shape of rows, but for their number; of sequences of whole numbers the length is free."""
    if isinstance(values, Mapping):
        return {name: _form(own) for name, own in values.items()}
    if isinstance(values, tuple | list):
        return [_form(own) for own in values]
    if not isinstance(values, Tensor):
        return None
    whole = not values.is_floating_point()
    return whole, values.dim(), () if whole else tuple(values.shape[1:])
