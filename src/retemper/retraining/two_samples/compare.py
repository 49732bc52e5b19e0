"""All families of drift tests on two samples, and one verdict whose false alarms are bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from retemper.core import catalogue
from retemper.core.drift_records import ColumnDrift, Drift, FamilyDrift, Kind
from retemper.core.records import NotApplicable
from retemper.retraining.two_samples.found import Found
from retemper.retraining.two_samples.samples import TwoSamples

FAMILY = "drift_test"
COUNTED = ("missingness", "numbers")
"""Families whose p-values are counted and not drawn: they cost the same at any alpha."""
Reasons = tuple[tuple[str, str], ...]


def compare(samples: TwoSamples, reasons: Reasons = ()) -> Drift:
    """Test by every family that applies, and correct for all that was tested.

    A family's p-value is the smallest of its tests, corrected for their number; the comparison's is the smallest of a
    family times the number of families (Bonferroni). When the sides are alike, that is at most alpha with probability
    alpha at most.

    Families whose p-values are counted come first. Once one has passed, the others of its kind draw few permutations:
    they tell more of the drift, and no longer whether there is any. So a false alarm is that of a family that drew all
    of its own, and a small alpha costs little where everything drifts.

    Args:
        samples: both sides.
        reasons: (column, why) of what can't be compared at all.
    """
    found: dict[str, Found] = {}
    passed: set[Kind] = set()
    not_applicable = list(reasons)
    for name in sorted(catalogue.names(FAMILY), key=lambda name: name not in COUNTED):
        family = catalogue.entry(FAMILY, name)
        try:
            found[name] = family.run(replace(samples, few_draws=True) if family.KIND in passed else samples)
        except NotApplicable as error:
            not_applicable.append((name, str(error)))
            continue
        if found[name].adjusted().min() * samples.families <= samples.alpha:
            passed.add(family.KIND)
    rows = {"reference": samples.n_reference, "current": samples.n_current}
    return judged(dict(sorted(found.items())), not_applicable, samples.alpha, rows)


def judged(
    found: Mapping[str, Found], reasons: Sequence[tuple[str, str]], alpha: float, rows: Mapping[str, int]
) -> Drift:
    """One verdict of what all families found; see :func:`compare`.

    Args:
        found: by the family's name.
        reasons: (family or column, why) of what was not tested.
        alpha: the chance of a false alarm.
        rows: of each side.
    """
    columns: list[ColumnDrift] = []
    families: dict[str, FamilyDrift] = {}
    kinds: set[Kind] = set()
    not_applicable = list(reasons)
    for name, tests in found.items():
        family = catalogue.entry(FAMILY, name)
        own = _corrected(name, tests, len(found))
        not_applicable += tests.passed_over
        least = own[int(np.argmin(tests.adjusted()))]
        families[name] = _family(family, tests, least)
        if families[name].p_value * len(found) <= alpha:
            kinds.add(family.KIND)
        over = {passed for passed, _ in tests.passed_over}
        columns += [column for column in own if tests.by_column and column.name not in over]
    p_value = min((1.0, *(family.p_value * len(found) for family in families.values())))
    order: tuple[Kind, ...] = ("covariate", "prior", "concept")
    return Drift(
        bool(found) and p_value <= alpha,
        p_value if found else None,
        alpha,
        families,
        tuple(sorted(columns, key=lambda column: (column.adjusted_p, column.p_value, -column.statistic))),
        tuple(kind for kind in order if kind in kinds),
        tuple(not_applicable),
        dict(rows),
    )


def _corrected(name: str, found: Found, families: int) -> list[ColumnDrift]:
    adjusted = np.minimum(found.adjusted() * families, 1.0)
    return [
        ColumnDrift(test.name, test.test, test.statistic, test.p_value, float(p), name)
        for test, p in zip(found.tests, adjusted, strict=True)
    ]


def _family(family: Any, found: Found, least: ColumnDrift) -> FamilyDrift:
    """The family's verdict: its smallest p-value, corrected for all of its tests."""
    p_value = float(found.adjusted().min())
    of_tests = f", smallest of {len(found.tests)} tests at {least.name!r}" if len(found.tests) > 1 else ""
    what = f"{family.ABOUT[0].upper()}{family.ABOUT[1:]}: p = {p_value:.2g}{of_tests}."
    return FamilyDrift(p_value, least.statistic, what)
