"""Wrong labels: are they found, how well could they be found, and how much accuracy comes back?

A tenth of the labels is moved to another class at random. `found` is the precision and recall of the rows named.
`reference` ranks the rows by what is known of them when the labels are right, and names as many as were flipped, so
that its precision equals its recall: by the probabilities that made-up labels were drawn from (no method can rank
better), or by the same models trained on the labels before they were flipped. Both know the rate. On the labels as
they come nothing should be reported.

With --way-back whole trainings are compared on the same clean test rows: on the clean labels, on the flipped ones with
--no-clean, and on the flipped ones as a user would train. The way back is (treated − flipped) / (clean − flipped),
of the means over the seeds; it means little where clean − flipped is within its own error, so that is printed too.

usage: python benchmarks/label_errors.py [TABLE.csv TARGET ...] [--only TEXT] [--rows 6000] [--seeds 3]
           [--way-back [--time-limit 30s]]
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from made_tables import Floats, Source, adult_like, bundled, clouds, cut, given, parser
from measuring import RETEMPER, print_table, run
from numpy.typing import NDArray

from retemper.core.prepare_options import PrepareOptions
from retemper.core.recipe_sections import DataOptions
from retemper.data.label_blend import average
from retemper.data.label_errors import judge
from retemper.data.out_of_fold import OutOfFold, TreeRows, class_probabilities
from retemper.data.prepare import Preparer
from retemper.data.read import read
from retemper.data.schema import infer

RATE, TARGET = 0.1, 0.8
SKLEARN = ("breast_cancer", "digits", "wine")
Codes = NDArray[np.int64]


def flipped(codes: Codes, classes: int, seed: int) -> tuple[Codes, NDArray[np.bool_]]:
    """A tenth of the labels moved to another class, and which."""
    draw = np.random.default_rng(seed)
    wrong = np.zeros(len(codes), dtype=bool)
    wrong[draw.permutation(len(codes))[: round(RATE * len(codes))]] = True
    moved = (codes + draw.integers(1, classes, len(codes))) % classes
    return np.where(wrong, moved, codes), wrong


def coded(source: Source) -> tuple[Source, list[str], Codes]:
    """The table with its labels as words, the classes, and each row's."""
    words = source.frame[source.target].cast(pl.String)
    classes, codes = np.unique(words.to_numpy(), return_inverse=True)
    return replace(source, frame=source.frame.with_columns(words)), classes.tolist(), codes.astype(np.int64)


def with_labels(source: Source, classes: list[str], codes: Codes) -> pl.DataFrame:
    """The table with other labels."""
    return source.frame.with_columns(pl.Series(source.target, [classes[k] for k in codes]))


def reference(truth: Floats, labels: Codes, wrong: NDArray[np.bool_]) -> float:
    """Precision (and recall) of the rows ranked by Bayes' rule from these probabilities, as many as are wrong."""
    own = truth[np.arange(len(labels)), labels]
    right = (1 - RATE) * own
    moved = RATE * (1 - own) / (truth.shape[1] - 1)
    order = np.argsort(right / (right + moved), kind="stable")
    return float(wrong[order[: wrong.sum()]].mean())


def trained_on_right_labels(source: Source, codes: Codes, classes: int) -> Floats:
    """Out-of-fold probabilities of the very models that look for wrong labels, from labels before the flips."""
    table = read(source.frame, source.target)
    schema = infer(table, DataOptions(target=source.target))
    preparer = Preparer.fit(table.frame, schema, PrepareOptions(number_embedding="none"))
    rows = TreeRows(*preparer.plain(table.frame))
    return average(class_probabilities(rows, codes, classes, OutOfFold(0)))


def finding_line(source: Source, seeds: int) -> tuple[object, ...]:
    """A row of the table of what is found."""
    source, classes, codes = coded(source)
    truth, ideal = source.truth, "the truth"
    if truth is None:
        truth, ideal = trained_on_right_labels(source, codes, len(classes)), "models, right labels"
    found, best, rates = [], [], []
    for seed in range(seeds):
        labels, wrong = flipped(codes, len(classes), seed)
        table = read(with_labels(source, classes, labels), source.target)
        suspects = judge(table.frame, infer(table, DataOptions(target=source.target)), seed)
        hits = (suspects.flagged & wrong).sum()
        found.append((hits / max(1, suspects.flagged.sum()), hits / wrong.sum()))
        best.append(reference(truth, labels, wrong))
        rates.append(suspects.rate)
    precision, recall = np.mean(found, axis=0)
    table = read(source.frame, source.target)
    clean = judge(table.frame, infer(table, DataOptions(target=source.target)), 0)
    size = f"{source.frame.height:,}×{source.frame.width}, {len(classes)} classes"
    verdict = "met" if min(precision, recall) >= TARGET else f"MISSED (reference {np.mean(best):.2f})"
    return (
        source.name, size, f"{precision:.2f}", f"{recall:.2f}", f"{np.mean(best):.2f}", ideal,
        f"{np.mean(rates):.1%}", "yes" if clean.found else "no", verdict,
    )  # fmt: skip


def accuracies(source: Source, seed: int, limit: str | None) -> tuple[float, float, float]:
    """Test accuracy by trainings on clean labels, on flipped ones left alone, and on flipped ones treated."""
    source, classes, codes = coded(source)
    order = np.random.default_rng(seed).permutation(len(codes))
    test, train = order[: len(codes) // 4], order[len(codes) // 4 :]
    labels = codes.copy()
    labels[train] = flipped(codes[train], len(classes), seed)[0]
    more = ("--time-limit", limit) if limit else ()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        source.frame[test].write_csv(place / "test.csv")
        for name, own, clean in (
            ("clean", codes, True),
            ("flipped", labels, False),
            ("treated", labels, True),
        ):
            with_labels(source, classes, own)[train].write_csv(place / f"{name}.csv")
            words = ("train", place / f"{name}.csv", "--test", place / "test.csv", "--target", source.target)
            printed = run(*RETEMPER, *words, "--seed", seed, "--out", place / name, "--json", *more,
                          *(() if clean else ("--no-clean",)))[1]  # fmt: skip
            found.append(json.loads(printed)["metrics"]["test"]["accuracy"]["value"])
    return found[0], found[1], found[2]


def way_back_line(source: Source, seeds: int, limit: str | None) -> tuple[object, ...]:
    """A row of the table of the ways back."""
    marks = np.array([accuracies(source, seed, limit) for seed in range(seeds)])
    clean, left, treated = marks.T
    gap, gain = float((clean - left).mean()), float((treated - left).mean())
    error = (2 * clean.mean() * (1 - clean.mean()) / (seeds * (source.frame.height // 4))) ** 0.5
    means = [f"{own.mean():.4f}" for own in (clean, left, treated)]
    back = f"{gain / gap:.2f}" if gap > 0 else "none lost"
    return (source.name, seeds, *means, back, f"{gap:.4f} ± {error:.4f}")


def main() -> None:
    """Measure and print."""
    command = parser(__doc__ or "")
    command.add_argument("--seeds", type=int, default=3)
    command.add_argument("--way-back", action="store_true", help="train on clean, flipped and treated labels")
    command.add_argument("--time-limit", help="of each training")
    options = command.parse_args()
    made = [adult_like(sharp, 6000) for sharp in (3, 5, 8, 16)]
    made += [clouds(distance, 6000) for distance in (3.5, 4, 5)]
    sources = [*map(bundled, SKLEARN), *made, *given(options.pairs)]
    sources = [cut(one, options.rows, 0) for one in sources if not options.only or options.only in one.name]
    if options.way_back:
        print_table(
            f"The way back, {RATE:.0%} of the training labels flipped, test rows clean",
            ("table", "seeds", "clean", "flipped, --no-clean", "treated", "way back", "clean − flipped"),
            [way_back_line(one, options.seeds, options.time_limit) for one in sources],
        )
        return
    print_table(
        f"Wrong labels found, {RATE:.0%} flipped at random, mean of {options.seeds} seeds",
        (
            "table",
            "size",
            "precision",
            "recall",
            "reference",
            "by",
            "rate",
            "clean: found",
            f"both ≥ {TARGET}",
        ),
        [finding_line(one, options.seeds) for one in sources],
    )


if __name__ == "__main__":
    main()
