"""Classes that wait in the reservoir until there are enough rows of them to be learnt."""

from __future__ import annotations

from collections import Counter

import polars as pl

from retemper.bundle.memory.kept import Kept
from retemper.data.extend.rare_classes import known_words, words_of
from retemper.data.target import Target


def waiting(kept: Kept, aside: pl.DataFrame, target: Target) -> tuple[Kept, pl.DataFrame]:
    """The reservoir and the rows that are set aside, with no more classes that wait than there are known ones.

    Places go to classes in equal parts. Were each wrong label a class for ever, a year of them would leave few places
    for the others. Those with most rows stay; of equals, those that came last.

    Args:
        kept: the reservoir.
        aside: new rows of classes that are too rare, with their label.
        target: of the model in force.
    """
    if target.task == "regression":
        return kept, aside
    known = {*known_words(target)}
    now: Counter[str] = Counter(words_of(aside[target.name]).to_list()) if aside.height else Counter()
    rows = Counter(label for label in kept.labels if label not in known) + now
    newest = int(kept.batch.max(initial=0)) + 1
    last = dict(zip(kept.labels, kept.batch.tolist(), strict=True)) | dict.fromkeys(now, newest)
    order = sorted(rows, key=lambda label: (rows[label], last[label], label), reverse=True)
    dropped = order[len(known) :]
    if not dropped:
        return kept, aside
    if aside.height:
        aside = aside.filter(~words_of(aside[target.name]).is_in(dropped))
    return kept.without(dropped), aside
