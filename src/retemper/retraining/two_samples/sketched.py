"""The families of drift tests for two tallies of the same cells, where no rows of the reference are there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from retemper.bundle.memory.cells import Cells
from retemper.bundle.memory.sketches import Grid, Tally
from retemper.core.records import NotApplicable, Task
from retemper.core.seeds import generator
from retemper.retraining.two_samples import fisher, kolmogorov, shares, within_groups
from retemper.retraining.two_samples.count_tables import Counts, CountTable
from retemper.retraining.two_samples.found import Found, Tested
from retemper.retraining.two_samples.samples import draws_for

NO_ROWS = "it needs rows of the reference, and the model keeps none (train with --keep-old)"


@dataclass(frozen=True)
class TwoTallies:
    """Both sides counted in one grid.

    Args:
        grid: where the columns are cut.
        reference, current: the counts.
        task: of the model.
        left_out: columns that are not compared.
        alpha, families, seed: as of :class:`retemper.retraining.two_samples.samples.TwoSamples`.
    """

    grid: Grid
    reference: Tally
    current: Tally
    task: Task
    left_out: frozenset[str]
    alpha: float
    families: int
    seed: int

    def columns(self, ordered: bool) -> Iterator[tuple[int, Cells, CountTable]]:
        """Columns with an order, or of levels, that both sides have: number, cells, counts."""
        for number, cells in enumerate(self.grid.columns):
            one, two = self.reference.columns[number], self.current.columns[number]
            if one is None or two is None or cells.name in self.left_out or cells.ordered != ordered:
                continue
            yield number, cells, table_of(one, two)

    def draws(self, tests: int) -> int:
        """Permutations at most."""
        return draws_for(tests, self.families, self.alpha)

    def generator(self, family: str, number: int = 0) -> np.random.Generator:
        """Random numbers of a family's test of that number."""
        return generator(self.seed, f"drift {family}", number)


def table_of(reference: Counts, current: Counts) -> CountTable:
    """The counts of both sides as one table; empty cells are left out.

    >>> table_of(np.array([3, 0, 1]), np.array([1, 0, 0])).total.tolist()
    [4, 1]
    """
    total = reference + current
    return CountTable(total[total > 0], current[total > 0])


def numbers(sides: TwoTallies) -> Found:
    """Kolmogorov and Smirnov's statistic of each column with an order, over its cells."""
    columns = list(sides.columns(ordered=True))
    if not columns:
        raise NotApplicable("there is no column of numbers or dates")
    return _tested(columns, lambda number, table: steps(table))


def categories(sides: TwoTallies) -> Found:
    """Pearson's chi-square of each column of levels; levels without a name count as one."""
    columns = list(sides.columns(ordered=False))
    if not columns:
        raise NotApplicable("there is no column of categories")
    most = sides.draws(len(columns))
    return _tested(
        columns, lambda number, table: shares.test(table, sides.generator("categories", number), most)
    )


def _tested(
    columns: list[tuple[int, Cells, CountTable]], test: Callable[[int, CountTable], tuple[str, float, float]]
) -> Found:
    tests, passed_over = [], []
    for number, cells, table in columns:
        if 0 in table.n:
            side = ("reference", "current")[table.n.index(0)]
            passed_over.append((cells.name, f"every cell of the {side} rows is missing"))
            tests.append(Tested(cells.name, "none", 0.0, 1.0))
            continue
        tests.append(Tested(cells.name, *test(number, table)))
    return Found(tuple(tests), tuple(passed_over))


def steps(table: CountTable) -> tuple[str, float, float]:
    """Name, statistic and p-value of Kolmogorov and Smirnov's test over cells in their order."""
    return "Kolmogorov-Smirnov of counts", *kolmogorov.of_table(table)


def missingness(sides: TwoTallies) -> Found:
    """Fisher's exact test of each column's share of missing cells."""
    one, two = sides.reference, sides.current
    rows = one.rows + two.rows
    tests = []
    for number, cells in enumerate(sides.grid.columns):
        current, total = two.missing[number], one.missing[number] + two.missing[number]
        absent = one.columns[number] is None or two.columns[number] is None
        if absent or not 0 < total < rows or cells.name in sides.left_out:
            continue
        difference = current / two.rows - one.missing[number] / one.rows
        p_value = fisher.p_value(total, current, rows, two.rows)
        tests.append(Tested(cells.name, "Fisher's exact", difference, p_value))
    if not tests:
        raise NotApplicable("no column has both missing and other cells")
    return Found(tuple(tests))


def new_categories(sides: TwoTallies) -> Found:
    """More current rows in levels that had too few training rows to have a name, or none."""
    tests = []
    for number, cells, _ in sides.columns(ordered=False):
        one, two = sides.reference.columns[number], sides.current.columns[number]
        assert one is not None
        assert two is not None
        others = int(one[-1] + two[-1]), int(two[-1])
        p_value = fisher.p_value(*others, int(one.sum() + two.sum()), int(two.sum()), "more")
        tests.append(
            Tested(cells.name, "rows of levels without a name, Fisher's exact", float(two[-1]), p_value)
        )
    if not tests:
        raise NotApplicable("there is no column of categories")
    return Found(tuple(tests))


def predictions(sides: TwoTallies) -> Found:
    """Each class's probability (of two classes, the second's) or the value, over cells; and the predicted class.

    The predicted class has half of the chance of a false alarm, however many classes share the other half.
    """
    one, two = sides.reference, sides.current
    if not two.outputs and two.predicted is None:
        raise NotApplicable("there are no predictions of a model")
    first = 1 if len(sides.grid.outputs) == 2 else 0
    tests = []
    for number, cells in list(enumerate(sides.grid.outputs))[first:]:
        table = table_of(one.outputs[number], two.outputs[number])
        tests.append(Tested(cells.name, *steps(table), "values"))
    if one.predicted is not None and two.predicted is not None:
        table = table_of(one.predicted, two.predicted)
        found = shares.test(table, sides.generator("predicted class"), sides.draws(2))
        tests.append(Tested("prediction", *found, "predicted class"))
    return Found(tuple(tests))


def prior(sides: TwoTallies) -> Found:
    """The target's own distribution."""
    table, draw, most = table_of(*_targets(sides)), sides.generator("prior"), sides.draws(1)
    tested = steps(table) if sides.task == "regression" else shares.test(table, draw, most)
    return Found((Tested(sides.grid.target.name, *tested),))


def concept(sides: TwoTallies) -> Found:
    """Labels (residuals) against chance, within groups of rows that the model answers alike."""
    _targets(sides)
    one, two = sides.reference.concept, sides.current.concept
    if one is None or two is None:
        raise NotApplicable(
            "there are no predictions of a model, or too many classes to hold the target against"
        )
    tables = [table_of(*rows) for rows in zip(one, two, strict=True) if sum(map(np.sum, rows))]
    name = sides.grid.target.name
    observed, p_value = within_groups.chi_square(tables, sides.generator("concept"), sides.draws(1))
    return Found((Tested(name, "chi-square within groups of alike predictions", observed, p_value),))


def _targets(sides: TwoTallies) -> tuple[Counts, Counts]:
    one, two = sides.reference.target, sides.current.target
    if one is None or two is None:
        raise NotApplicable("the target is not there on both sides")
    if not one.sum() or not two.sum():
        raise NotApplicable("the target is missing in every row of a side")
    return one, two


FAMILIES: dict[str, Callable[[TwoTallies], Found]] = {
    "categories": categories,
    "concept": concept,
    "missingness": missingness,
    "new_categories": new_categories,
    "numbers": numbers,
    "predictions": predictions,
    "prior": prior,
}
"""The families that counts suffice for, by their names in the catalogue."""
