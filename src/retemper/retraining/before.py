"""What is there before a retraining begins: the champion, the new rows, the old ones, and what is known of these."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import polars as pl

from retemper.bundle.grown import Grown
from retemper.bundle.model import Model
from retemper.core import catalogue
from retemper.core.budget import Budget
from retemper.core.drift_records import Drift
from retemper.core.harm_records import Harm, Standing
from retemper.core.progress import Reporter
from retemper.data.cells import as_words
from retemper.evaluation.metrics import main_metric
from retemper.retraining.folds import NEVER
from retemper.retraining.ground import MOST_ROWS, Ground, drawn
from retemper.retraining.harm.estimated import estimated
from retemper.retraining.harm.measured import measured
from retemper.retraining.harm.rows import Rows
from retemper.retraining.options import RetrainOptions
from retemper.retraining.past import Past
from retemper.retraining.pictures import pictures_of
from retemper.retraining.places import judged_beside
from retemper.retraining.race import Purse
from retemper.retraining.sight import groups_in, weights_of
from retemper.retraining.since import since_when
from retemper.retraining.stacks import work_of
from retemper.retraining.two_samples.compare import FAMILY, compare
from retemper.retraining.two_samples.remembered import FEWEST_KEPT, against_sketches
from retemper.retraining.two_samples.side_by_side import Wanted, side_by_side

FEWEST_ROWS = 10
"""Fewer old rows are no sample of the past."""
FEWEST_NEW_ROWS = 2


@dataclass(frozen=True, eq=False)
class Before:
    """The start of a retraining.

    Args:
        champion: the model in force.
        grown: the same with room for what the new rows bring.
        new: all new rows, with or without the target.
        past: labelled old rows.
        options: what the person said.
        by_heart: further new rows, which the champion was trained on: they are among the old ones.
    """

    champion: Model
    grown: Grown
    new: pl.DataFrame
    past: Past
    options: RetrainOptions
    by_heart: int = 0

    @cached_property
    def labelled(self) -> pl.DataFrame:
        """The new rows whose target is known, at most ``MOST_ROWS`` of them."""
        target = self.champion.target
        if target not in self.new.columns:
            return self.new.clear()
        known = self.new.filter(pl.col(target).is_not_null())
        return drawn(known, MOST_ROWS, self.options.seed, "new rows")

    def ground(self) -> Ground:
        """The labelled rows in folds."""
        return Ground.of(self.champion, self.grown.model, self.labelled, self.past, self.options)

    def known(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The labelled rows of classes that the champion knows."""
        model = self.champion
        if not model.classes or not frame.height:
            return frame
        words = as_words(frame[model.target])
        return frame.filter(words.is_in(as_words(pl.Series([*model.target_codec.labels])).implode()))

    def rows_of(self, frame: pl.DataFrame, labels: bool = True) -> Rows:
        """Rows of known classes, with what the champion says of them."""
        model = self.champion
        outputs = self.grown.model.outputs(frame)
        if model.classes:
            # The grown copy speaks for it, which does without columns that are gone; known classes come first.
            outputs = outputs[:, : len(model.classes)] / outputs[:, : len(model.classes)].sum(
                1, keepdims=True
            )
        y = model.target_codec.encode(frame[model.target]) if labels else None
        preparer = self.grown.model.preparer
        return Rows.of(
            model.task,
            outputs,
            y,
            features=preparer.encoded(preparer.transform(frame), places=False),
            called=model.decision.codes(outputs) if model.classes else None,
            weight=weights_of(model, frame),
            group=groups_in(model, frame),
        )

    def purse(self, ground: Ground, budget: Budget, workers: int, reporter: Reporter) -> Purse:
        """What may be spent: a share of what the champion's networks would take from scratch on all rows.

        Those that only judge are counted on both sides: a champion of one network has five of them beside its
        successor, which would be left with a sixth of what it is promised.
        """
        rows, memory = int((ground.fold != NEVER).sum()), self.champion.memory
        if memory is not None and memory.work is not None:
            scratch = memory.work.multiply_adds * rows / memory.work.rows
        else:
            visits = float(ground.grown.recipe.training.epochs * rows)
            scratch = sum(work_of(ground.grown, part, visits) for part in ground.grown.parts)
        scratch *= judged_beside(ground)
        work = self.options.share(ground.means.new_classes > 0, ground.means.strange) * scratch
        return Purse(scratch, work, budget, workers, lambda name: reporter.progress(None, name))

    def facts(self) -> dict[str, Any]:
        """What else decision.json tells of the start."""
        return {
            "task": self.champion.task,
            "target": self.champion.target,
            "old_rows": {"source": self.past.source, "known": self.past.known},
            "added": self.grown.added,
            "findings": list(self.grown.findings),
        }

    def counts(self, ground: Ground) -> dict[str, int]:
        """How many rows did what."""
        return {
            "new": self.new.height + self.by_heart,
            "known_by_heart": self.by_heart,
            "labelled": self.labelled.height,
            "never_trained_on": int((ground.folds == 0).sum()),
            "old_to_learn": ground.means.old_rows,
            "old_to_judge": self.past.judges.height,
        }


def drift_of(before: Before) -> Drift:
    """Whether the new rows come from another world than the old ones that the champion has not seen."""
    options, past, model = before.options, before.past, before.champion
    counts = None if model.memory is None else model.memory.sketches
    # A bundle counts more rows than it keeps; rows that were given are what was asked for.
    few = counts is not None and past.source == "kept"
    enough = past.reference.height >= (FEWEST_KEPT if few else FEWEST_ROWS)
    sketches = None if enough else counts
    why = "one row shows no drift" if before.new.height < FEWEST_NEW_ROWS else None
    if past.reference.height < FEWEST_ROWS and sketches is None:
        why = "there are no old rows to compare with: give --old, or keep some with --keep-old"
    if why is not None:
        return Drift(
            False, None, options.alpha, not_applicable=(("rows", why),), rows={"current": before.new.height}
        )
    target = model.target if model.target in before.new.columns else None
    wanted = Wanted(options.alpha, len(catalogue.names(FAMILY)), options.seed, model, target)
    if sketches is None:
        found = compare(*side_by_side(past.reference, before.new, wanted))
    else:
        found = against_sketches(sketches, before.new, wanted)
    return replace(
        found,
        pictures=tuple(pictures_of(found, sketches or past.reference, before.new, model)),
        change_point=since_when(found, before.new, model, options.seed),
    )


def harm_of(before: Before) -> Harm:
    """The champion's metric now against then."""
    metric = before.options.metric or main_metric(before.champion.task)
    memory, past = before.champion.memory, before.past
    standing = None if memory is None else memory.standing.get(metric)
    if not before.labelled.height:
        reference = before.rows_of(past.reference) if past.reference.height else None
        return estimated(
            metric, before.rows_of(before.new, labels=False), reference, standing, before.options.seed
        )
    known = before.known(before.labelled)
    strange = before.labelled.height - known.height
    if not known.height:
        reason = f"All {strange} labelled new rows are of classes that the model does not know: it is wrong on each."
        then_value, rows = (None, None) if standing is None else (standing.value, standing.rows)
        return Harm(metric, then_value, None, None, None, False, "harm", reason, rows, strange)
    then: Rows | Standing | None = standing
    if then is None and past.reference.height:
        then = before.rows_of(past.reference)
    found = measured(metric, then, before.rows_of(known), before.options.seed)
    if not strange:
        return found
    reason = f"{found.reason} Besides, {strange} rows are of classes that the model does not know."
    return replace(found, verdict="harm", reason=reason)
