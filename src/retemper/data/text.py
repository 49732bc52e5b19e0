"""Free text as numbers: its length, and the TF-IDF of its most telling words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import chi2, f_regression

MOST_WORDS = 128
COMMON_SHARE = 0.9
LENGTHS = ("characters", "words")


@dataclass(frozen=True)
class TextWords:
    """The words of one text column and their inverse document frequency.

    ``idf = ln((1 + rows)/(1 + rows with the word)) + 1`` (Spärck Jones 1972, smoothed as in scikit-learn); a
    cell's vector is count × idf, scaled to length 1.
    """

    name: str
    words: tuple[str, ...]
    idf: tuple[float, ...]

    @classmethod
    def fit(cls, column: pl.Series, min_rows: int, target: NDArray[Any] | None = None) -> TextWords:
        """Choose at most 128 words of the training rows.

        With a target, those that tell most about it: the highest χ² for class codes (integers), the highest
        F statistic for numbers; without one, the most frequent. Words in fewer than ``min_rows`` rows, or in more
        than 90 % of them, are left out.

        >>> TextWords.fit(pl.Series("t", ["good film", "bad film", "good one", "bad one"]), 2).words
        ('bad', 'film', 'good', 'one')
        """
        texts = column.fill_null("").to_list()
        counter = CountVectorizer()
        try:
            present = counter.fit_transform(texts) > 0
        except ValueError:  # no cell holds a word
            return cls(column.name, (), ())
        rows = np.asarray(present.sum(axis=0)).ravel()
        usable = np.flatnonzero((rows >= min_rows) & (rows <= max(min_rows, COMMON_SHARE * len(texts))))
        scores = _scores(present[:, usable], rows[usable], target)
        best = np.sort(usable[np.argsort(-scores, kind="stable")[:MOST_WORDS]])
        idf = np.log((1 + len(texts)) / (1 + rows[best])) + 1
        return cls(column.name, tuple(counter.get_feature_names_out()[best].tolist()), tuple(idf.tolist()))

    @property
    def names(self) -> list[str]:
        """Names of the TF-IDF columns."""
        return [f"{self.name}:{word}" for word in self.words]

    def tf_idf(self, column: pl.Series) -> NDArray[np.float64]:
        """TF-IDF as float64 [rows, words]; a cell without any of the words is all zero."""
        if not self.words:
            return np.zeros((len(column), 0))
        counts = CountVectorizer(vocabulary=list(self.words)).transform(column.fill_null("").to_list())
        weighted = counts.toarray() * np.array(self.idf)
        length = np.sqrt(np.square(weighted).sum(axis=1, keepdims=True))
        vectors: NDArray[np.float64] = np.divide(weighted, length, out=weighted, where=length > 0)
        return vectors

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back."""
        return {"name": self.name, "words": list(self.words), "idf": list(self.idf)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TextWords:
        """The words that :meth:`to_json` wrote."""
        return cls(data["name"], tuple(data["words"]), tuple(data["idf"]))


def _scores(present: Any, rows: NDArray[np.int64], target: NDArray[Any] | None) -> NDArray[np.float64]:
    if target is None or not len(rows):
        return rows.astype(np.float64)
    score = chi2 if target.dtype.kind == "i" else f_regression
    with np.errstate(divide="ignore", invalid="ignore"):
        found = score(present.astype(np.float64), target)[0]
    scores: NDArray[np.float64] = np.nan_to_num(found, nan=-1.0, posinf=np.finfo(np.float64).max)
    return scores


def lengths(column: pl.Series) -> NDArray[np.float64]:
    """Characters and words of each cell as float64 [rows, 2]; NaN where the text is missing.

    >>> lengths(pl.Series(["two words", None])).tolist()
    [[9.0, 2.0], [nan, nan]]
    """
    counts = [column.str.len_chars(), column.str.count_matches(r"\S+")]
    return np.stack([c.cast(pl.Float64).fill_null(float("nan")).to_numpy() for c in counts], axis=1)
