"""A number for each fold in few bytes: a search of thousands keeps all of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping


class ByFold(Mapping[int, float]):
    """Fold → number, as a dict of a quarter of the size.

    Args:
        folds: their numbers, in the order of the values; one tuple may serve many.
        values: one a fold.

    >>> losses = ByFold((0, 3), [0.5, 0.25])
    >>> losses[3], losses == {0: 0.5, 3: 0.25}
    (0.25, True)
    """

    __slots__ = ("_folds", "_values")

    def __init__(self, folds: tuple[int, ...], values: list[float]) -> None:
        self._folds, self._values = folds, array("d", values)

    def __getitem__(self, fold: int) -> float:
        if fold not in self._folds:
            raise KeyError(fold)
        return self._values[self._folds.index(fold)]

    def __iter__(self) -> Iterator[int]:
        return iter(self._folds)

    def __len__(self) -> int:
        return len(self._folds)

    def __repr__(self) -> str:
        return repr(dict(self))
