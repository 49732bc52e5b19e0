"""Free text as numbers: its length, the TF-IDF of frequent words, and what all its words speak for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import CountVectorizer

from retemper.data.features.goal import Goal
from retemper.data.features.speaking import Speaking

MOST_TERMS = 30_000
LEAST_ROWS = 2
MOST_WORDS = 128
COMMON_SHARE = 0.9
PHRASE = (1, 2)
LENGTHS = ("characters", "words")


@dataclass(frozen=True)
class TextWords:
    """The terms of one text column: its words and pairs of neighbouring words.

    All of them speak for a side of the target (:class:`~retemper.data.features.speaking.Speaking`). The most frequent
    words also have a TF-IDF column: count × idf, with ``idf = ln((1 + rows)/(1 + rows with the word)) + 1`` (Spärck
    Jones 1972, smoothed as in scikit-learn), a row's scaled to length 1.

    The target has no say in which terms there are: the best of thousands of words always seem to tell something, and
    rows that are held out later could not say that they don't.

    Args:
        name: of the column.
        terms: the vocabulary.
        columns: places among the terms of the words with a TF-IDF column.
        idf: of these words.
        speaking: None without a target.
    """

    name: str
    terms: tuple[str, ...] = ()
    columns: tuple[int, ...] = ()
    idf: tuple[float, ...] = ()
    speaking: Speaking | None = None

    @classmethod
    def fit(cls, column: pl.Series, min_rows: int, goal: Goal | None = None) -> TextWords:
        """Fit on training rows.

        Terms that come in a single row, or beyond the 30,000 most frequent, are left out. Words in fewer than
        ``min_rows`` rows, in more than 90 % of them, or beyond the 128 most frequent have no TF-IDF column.

        >>> text = TextWords.fit(pl.Series("t", ["good film", "bad film", "good one", "bad one"]), 2)
        >>> text.words, len(text.terms)
        (('bad', 'film', 'good', 'one'), 4)
        """
        texts = column.fill_null("").to_list()
        counter = CountVectorizer(ngram_range=PHRASE)
        try:
            counts = csr_array(counter.fit_transform(texts))
        except ValueError:  # no cell holds a word
            return cls(column.name)
        rows = np.bincount(counts.indices, minlength=counts.shape[1])
        usable = np.flatnonzero(rows >= LEAST_ROWS)
        kept = np.sort(usable[np.argsort(-rows[usable], kind="stable")[:MOST_TERMS]])
        terms = counter.get_feature_names_out()[kept].tolist()
        counts, rows = counts[:, kept], rows[kept]
        common = max(min_rows, COMMON_SHARE * len(texts))
        words = [k for k, term in enumerate(terms) if " " not in term and min_rows <= rows[k] <= common]
        words = sorted(sorted(words, key=lambda k: -rows[k])[:MOST_WORDS])
        idf = np.log((1 + len(texts)) / (1 + rows[words])) + 1
        speaking = None if goal is None or not terms else Speaking.fit(counts.sign(), goal)
        return cls(column.name, tuple(terms), tuple(words), tuple(idf.tolist()), speaking)

    @property
    def words(self) -> tuple[str, ...]:
        """The words with a TF-IDF column."""
        return tuple(self.terms[k] for k in self.columns)

    @property
    def names(self) -> list[str]:
        """Names of the TF-IDF columns."""
        return [f"{self.name}:{word}" for word in self.words]

    @property
    def spoken_names(self) -> list[str]:
        """Names of the numbers of :meth:`spoken`."""
        return [f"{self.name} for {name}" for name in self.speaking.names] if self.speaking else []

    @cached_property
    def _counter(self) -> CountVectorizer:
        return CountVectorizer(ngram_range=PHRASE, vocabulary=list(self.terms))

    def counts(self, column: pl.Series) -> csr_array:
        """How often each term comes, [rows, terms]."""
        if not self.terms:
            return csr_array((len(column), 0))
        return csr_array(self._counter.transform(column.fill_null("").to_list()), dtype=np.float64)

    def tf_idf(self, counts: csr_array) -> NDArray[np.float64]:
        """TF-IDF as float64 [rows, words]; a cell without any of the words is all zero."""
        if not self.columns:
            return np.zeros((counts.shape[0], 0))
        weighted = counts[:, list(self.columns)].toarray() * np.array(self.idf)
        length = np.sqrt(np.square(weighted).sum(axis=1, keepdims=True))
        vectors: NDArray[np.float64] = np.divide(weighted, length, out=weighted, where=length > 0)
        return vectors

    def spoken(self, counts: csr_array) -> NDArray[np.float64]:
        """What the terms speak for, [rows, sides], of rows that were not fitted on."""
        return self.speaking.apply(counts.sign()) if self.speaking else np.zeros((counts.shape[0], 0))

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back."""
        return {
            "name": self.name,
            "terms": list(self.terms),
            "columns": list(self.columns),
            "idf": list(self.idf),
            "speaking": self.speaking and self.speaking.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TextWords:
        """The terms that :meth:`to_json` wrote."""
        speaking = data["speaking"] and Speaking.from_json(data["speaking"])
        return cls(data["name"], tuple(data["terms"]), tuple(data["columns"]), tuple(data["idf"]), speaking)


def lengths(column: pl.Series) -> NDArray[np.float64]:
    """Characters and words of each cell as float64 [rows, 2]; NaN where the text is missing.

    >>> lengths(pl.Series(["two words", None])).tolist()
    [[9.0, 2.0], [nan, nan]]
    """
    counts = [column.str.len_chars(), column.str.count_matches(r"\S+")]
    return np.stack([c.cast(pl.Float64).fill_null(float("nan")).to_numpy() for c in counts], axis=1)
