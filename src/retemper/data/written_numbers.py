"""Numbers as people write them: ``1,234``, ``12 kg``, ``5 %``, ``$3``."""

from __future__ import annotations

import polars as pl

from retemper.data.cells import as_numbers

NUMBER = r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?|[+-]?\.\d+"
WRITTEN = rf"^(?P<before>[$€£¥]?)\s*(?P<number>{NUMBER})\s*(?P<after>[\p{{L}}%°²³/]{{0,12}})\.?$"


def with_unit(cells: pl.Series, unit: str | None = None) -> tuple[str, pl.Series]:
    """Cells of text as numbers, Float64, and the unit that most of them are written with.

    A comma before three digits separates thousands. A unit is a currency before the number, or letters, ``%`` or ``°``
    after it, in lower case; a number without any counts as one of the column's unit, a number of another unit is
    not read.

    Args:
        cells: text.
        unit: the unit to read; None: the most frequent one.

    >>> unit, numbers = with_unit(pl.Series(["12 kg", "1,200.5 KG", "3", "7 lb", "heavy"]))
    >>> unit, numbers.to_list()
    ('kg', [12.0, 1200.5, 3.0, None, None])
    """
    parts = cells.str.strip_chars().str.extract_groups(WRITTEN).struct.unnest()
    own = (parts["before"].fill_null("") + parts["after"].fill_null("")).str.to_lowercase()
    numbers = as_numbers(parts["number"].str.replace_all(",", ""))
    named = own.filter(numbers.is_not_null() & (own != ""))
    if unit is None:
        # The most frequent one, the first in the alphabet of several.
        counts = named.alias("unit").value_counts(name="rows").sort("rows", "unit", descending=[True, False])
        unit = str(counts["unit"][0]) if counts.height else ""
    frame = pl.DataFrame({"number": numbers, "unit": own})
    known = pl.col("unit").is_in(["", unit])
    read = frame.select(pl.when(known).then("number"))["number"]
    return unit, read.alias(cells.name)
