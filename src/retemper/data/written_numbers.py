"""Numbers as people write them: ``$1,234.50``, ``3.000,50 €``, ``12 %``, ``1.2k``, ``(300)``, ``12 kg``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from retemper.data import dates
from retemper.data.cells import LEADING_ZERO, as_numbers, first_row

CURRENCY = (
    r"(?:[a-z]{0,2}\p{Sc}|usd|eur|gbp|chf|jpy|cny|rmb|inr|rs\.?|aud|cad|nzd|sek|nok|dkk|kr\.?|pln|zł|czk|huf|brl|"
    r"mxn|zar|rub|try|krw|sgd|hkd)"
)
MINUS = "\u2212\u2012\u2013-"
SPACES, APOSTROPHES = " \u00a0\u2009\u202f", "'\u2019`"
CELL = (
    rf"(?i)^(?P<open>\(?)\s*(?P<sign>[+{MINUS}]?)\s*(?P<before>{CURRENCY}?)\s*(?P<late>[+{MINUS}]?)\s*"
    rf"(?P<body>\d[\d.,{SPACES}{APOSTROPHES}]*(?:e[+-]?\d+)?|[.,]\d+)\s*"
    r"(?P<after>[\p{L}\p{Sc}%‰°²³/. ]{0,14}?)\.?\s*(?P<close>\)?)$"
)
GROUPS = r"\d{{1,3}}(?:{0}\d{{3}})+"
SPACED = f"{GROUPS.format(' ')}|{GROUPS.format(chr(39))}"
LAKHS = r"\d{1,2}(?:,\d{2})+,\d{3}"
BODY = {
    ".": rf"^(?:{GROUPS.format(',')}|{LAKHS}|{SPACED}|\d+)?(?:\.\d*)?(?:e[+-]?\d+)?$",
    ",": rf"^(?:{GROUPS.format('[.]')}|{SPACED}|\d+)?(?:,\d*)?(?:e[+-]?\d+)?$",
}
"""What the decimal point, and the decimal comma, let a number look like."""
EITHER = r"^\d{1,3}[.,]\d{3}$"
"""One mark before three digits: thousands in one country, thousandths in another."""
TIMES = {
    "thousand": 1e3, "tsd": 1e3, "million": 1e6, "millions": 1e6, "mio": 1e6, "mn": 1e6, "mln": 1e6,
    "billion": 1e9, "billions": 1e9, "bn": 1e9, "mrd": 1e9,
}  # fmt: skip
LETTERS = {"k": 1e3, "m": 1e6, "b": 1e9}
AFTER = rf"^(?P<times>{'|'.join(sorted([*TIMES, *LETTERS], key=len, reverse=True))})?\.?\s*(?P<money>{CURRENCY}?)$"
KELVIN = r"\d\s+K$"
FEW_ROWS, FIRST_ROWS = 20, 1000
LEAST_DIFFERENT = 5
"""With fewer different cells a column is as well off with a level for each."""
PHONE_DIGITS = 9
MOST_SHARE = 0.9
Decimal = Literal[".", ","]
OTHER: dict[Decimal, Decimal] = {".": ",", ",": "."}
NAMED: dict[Decimal, str] = {".": "point", ",": "comma"}


@dataclass(frozen=True)
class Style:
    """How the numbers of one column are written.

    Args:
        decimal: what separates decimals; the other mark, a space or an apostrophe may separate thousands.
        unit: what nearly all are written with, in lower case: a currency, ``%``, ``kg``; ``""`` for none.
        letters: which of k, m and b behind a number mean thousand, million and billion, not a unit.
        why: how it was decided whether a mark separates thousands or decimals; ``""`` where no cell needed it.
    """

    decimal: Decimal = "."
    unit: str = ""
    letters: str = ""
    why: str = ""

    @classmethod
    def of(cls, cells: pl.Series) -> Style:
        """The style in which most of these cells can be read; the whole column decides.

        ``1,234`` alone fits both countries. Cells that fit one only (``1,234.5``, ``3.000,50``, ``1.000.000``) have the
        first word, then ``0,123``, then amounts of money, which have no thousandths, then cells without a mark: next
        to ``950`` the mark in ``1,234`` separates thousands, next to ``1234`` it does not. Where all is silent, a
        comma separates thousands, and a point decimals.

        >>> Style.of(pl.Series(["3.000,50 €", "1.250 €"])).read(pl.Series(["1.250 €"])).to_list()
        [1250.0]
        >>> Style.of(pl.Series(["1,234", "950"])).read(pl.Series(["1,234"])).to_list()
        [1234.0]
        """
        return cls._of(_parts(cells))

    @classmethod
    def _of(cls, parts: pl.DataFrame) -> Style:
        parts = parts.filter(pl.col("body").is_not_null())
        decimal, why = _decimal(parts)
        parts = parts.filter(pl.col("body").str.contains(BODY[decimal]))
        letters = _letters(parts)
        units = parts.select(_unit(letters)).to_series()
        counts = units.filter(units != "").alias("unit").value_counts(name="rows")
        # The most frequent one, the first in the alphabet of several.
        counts = counts.sort("rows", "unit", descending=[True, False])
        return cls(decimal, str(counts["unit"][0]) if counts.height else "", letters, why)

    def read(self, cells: pl.Series) -> pl.Series:
        """The cells as Float64; missing where a cell is no number in this style, or is one of another unit.

        A number without any unit counts as one of the column's, but not among shares in per cent.

        >>> Style(unit="kg").read(pl.Series(["12 kg", "1,200.5 KG", "3", "7 lb", "(4 kg)", "heavy"])).to_list()
        [12.0, 1200.5, 3.0, None, -4.0, None]
        """
        return self._read(_parts(cells)).alias(cells.name)

    def _read(self, parts: pl.DataFrame) -> pl.Series:
        body = pl.col("body")
        plain = body.str.replace_all(r"[ ']", "").str.replace_all(
            "," if self.decimal == "." else ".", "", literal=True
        )
        number = plain.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
        times = pl.col("times").replace_strict(
            TIMES | {letter: LETTERS[letter] for letter in self.letters}, default=1.0, return_dtype=pl.Float64
        )
        negative = (_minus("sign") != _minus("late")) != (pl.col("open") == "(")
        value = pl.when(negative).then(-number * times).otherwise(number * times)
        own = _unit(self.letters)
        known = (own == self.unit) | ((own == "") & ((self.unit != "%") | (number == 0)))
        well = body.str.contains(BODY[self.decimal]) & ((pl.col("open") == "(") == (pl.col("close") == ")"))
        return parts.select(pl.when(well & known).then(value)).to_series()

    def said(self) -> str:
        """What comes after "numbers": the unit, the letters, and why a mark is taken for what it is.

        >>> Style(unit="€", letters="k").said(), Style().said()
        (" in '€', k = thousand", '')
        """
        named = {"k": "k = thousand", "m": "m = million", "b": "b = billion"}
        told = [f" in {self.unit!r}"] if self.unit else [""]
        told += [*(named[letter] for letter in self.letters), *([self.why] if self.why else [])]
        return ", ".join(told)


def style_of_all(cells: pl.Series, different: pl.Series | None = None) -> Style | None:
    """The style of a tidy column of text whose every cell is a number in it, and some not a plain one.

    None also for codes: a leading zero (``007``), fewer than five different cells, dates, and long numbers grouped
    by spaces that all have as many digits, which are telephone numbers.

    Args:
        cells: missing ones are passed over.
        different: the different cells, where they are known.

    >>> style_of_all(pl.Series(["$1", "$2.50", "$3", "$20", "$7"])), style_of_all(pl.Series(["$1", "two"]))
    (Style(decimal='.', unit='$', letters='', why=''), None)
    """
    if cells.dtype != pl.String or not all_written(cells.drop_nulls().head(FIRST_ROWS)):
        return None
    known = (cells.unique() if different is None else different).drop_nulls()
    parts = _parts(known)
    style = Style._of(parts)
    if style._read(parts).has_nulls() or len(known) < LEAST_DIFFERENT or _coded(parts["body"]):
        return None
    plain = not as_numbers(known).has_nulls()
    return None if plain or dates.parse(known) is not None else style


def not_written(cells: pl.Series) -> tuple[int, int] | None:
    """How many cells of a column of text are no numbers in its style, and the first such row.

    None unless nine tenths of the cells are, and not all.

    >>> not_written(pl.Series([*[f"${i}" for i in range(19)], "unknown"])), not_written(pl.Series(["a", "$1"]))
    ((1, 20), None)
    """
    if cells.dtype != pl.String:
        return None
    most = (1 - MOST_SHARE) * (len(cells) - cells.null_count())
    if (~like_a_number(cells)).sum() > most:
        return None
    style = Style.of(cells.drop_nulls().unique())
    unread = style.read(cells).is_null() & cells.is_not_null()
    if not 0 < unread.sum() <= most:
        return None
    return int(unread.sum()), first_row(unread)


def like_a_number(cells: pl.Series) -> pl.Series:
    """Whether each cell has the look of a number in some style; missing where it is missing.

    >>> like_a_number(pl.Series(["$3", "level 3", None])).to_list()
    [True, False, None]
    """
    return cells.str.strip_chars().str.contains(CELL)


def all_written(cells: pl.Series) -> bool:
    """Whether there are cells, none missing, and all of them are numbers in one style.

    >>> all_written(pl.Series(["$3", "$1,200"])), all_written(pl.Series(["$3", "three"]))
    (True, False)
    """
    first = cells.head(FEW_ROWS)
    if not like_a_number(first).all() or not len(cells):
        return False  # most columns of words end here
    return not Style.of(cells).read(cells).has_nulls()


def _coded(body: pl.Series) -> bool:
    digits = body.str.count_matches(r"\d")
    spaced = bool(body.str.contains(" ").all())
    phones = spaced and digits.n_unique() == 1 and bool((digits >= PHONE_DIGITS).all())
    return phones or bool(body.str.contains(LEADING_ZERO).any())


def _parts(cells: pl.Series) -> pl.DataFrame:
    """Each cell in lower case, cut up: sign, currency, body, what follows; missing where it is no number."""
    parts = cells.str.strip_chars().str.extract_groups(CELL).struct.unnest()
    kelvin = cells.str.contains(KELVIN)
    parts = parts.with_columns(pl.all().str.to_lowercase())
    after = parts["after"].str.extract_groups(AFTER).struct.unnest()
    return parts.with_columns(
        pl.col("body")
        .str.strip_chars()
        .str.replace_all(f"[{SPACES}]", " ")
        .str.replace_all(f"[{APOSTROPHES}]", "'"),
        times=after["times"].fill_null(""),
        money=after["money"],
        kelvin=kelvin,
    )


def _minus(part: str) -> pl.Expr:
    return pl.col(part).is_in([*MINUS])


def _unit(letters: str) -> pl.Expr:
    """Currency before and what follows; without a word that multiplies, and without the letters that do."""
    multiplies = pl.col("times").is_in([*TIMES, *letters])
    rest = pl.when(multiplies).then(pl.col("money")).otherwise(pl.col("after"))
    return (pl.col("before") + rest).str.strip_chars_end(".")


def _letters(parts: pl.DataFrame) -> str:
    """Which single letters multiply: beside a currency all do, else k, and m and b beside a k.

    Alone m may be metres and b bytes; where every cell is like ``300 K`` it is kelvin.
    """
    used = [letter for letter in LETTERS if (parts["times"] == letter).any()]
    thousands = not parts.filter(pl.col("times") == "k")["kelvin"].all()
    return "".join(used) if thousands or _money(parts).any() else ""


def _money(parts: pl.DataFrame) -> pl.Series:
    return (parts["before"] != "") | (parts["money"].fill_null("") != "")


def _decimal(parts: pl.DataFrame) -> tuple[Decimal, str]:
    """Which mark separates decimals, and why where a mark before three digits had to be judged."""
    body = parts["body"]
    point, comma = (body.str.contains(BODY[mark]) for mark in (".", ","))
    either = body.str.contains(EITHER)
    grouped = [int((own & ~other).sum()) for own, other in ((point, comma), (comma, point))]
    if grouped[0] != grouped[1]:
        decimal: Decimal = "." if grouped[0] > grouped[1] else ","
        sure = body.filter(point & ~comma if decimal == "." else comma & ~point)[0]
        return (
            decimal,
            f"a {NAMED[decimal]} separates decimals, for other cells are like {sure!r}"
            if either.any()
            else "",
        )
    if not either.any():
        return ".", ""
    commas = int((either & body.str.contains(",")).sum())
    mark: Decimal = "," if 2 * commas >= either.sum() else "."
    thousands, why = _separates_thousands(parts, body, mark)
    if not thousands:
        return mark, f"a {NAMED[mark]} separates decimals, for {why}"
    return OTHER[mark], f"a {NAMED[mark]} separates thousands, for {why}"


def _separates_thousands(parts: pl.DataFrame, body: pl.Series, mark: str) -> tuple[bool, str]:
    """Whether a mark before three digits does, where every cell fits both; and why."""
    if body.str.contains(rf"^0[{mark}]").any():
        return False, "some numbers begin with 0"
    if _money(parts).any():
        return True, "amounts of money have no thousandths"
    unmarked = body.filter(~body.str.contains(r"[.,]")).str.len_chars()
    if (unmarked > 3).any():
        return False, "larger numbers have none"
    if len(unmarked):
        return True, "smaller numbers have none"
    return mark == ",", "all cells fit both countries, and that is the commoner one"
