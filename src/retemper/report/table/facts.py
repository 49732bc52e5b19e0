"""What the page of ``retemper check`` tells, as one plain dict; the page is made of it alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retemper.core.records import Finding, to_json
from retemper.report.facts import date, flat
from retemper.report.table.associations import Associations
from retemper.report.table.cells import LEVELS, Cells
from retemper.report.table.gaps import missing_together, target_where_missing, where_missing
from retemper.report.table.shapes import shape, told_of
from retemper.report.words import number

MOST_COLUMNS, MOST_IN_MATRIX, MOST_PAIRS, MOST_PICTURES = 60, 20, 20, 4
MOST_LEVEL_COLUMNS = 150
"""Columns of levels that are compared with all others; of thousands every pair would take minutes."""
NAMING = ("columns", "shares", "rows_a_level", "pairs")
"""Entries of a finding's evidence that name columns; a column may well be called "rows" or "share"."""
WEIGHTS = {"error": 3.0, "warning": 2.0, "advice": 1.0}


@dataclass(frozen=True)
class TableFacts:
    """What is known of a table before its page is made.

    Args:
        name: of the table.
        evidence: of the data check (``rows``, ``columns``, ``duplicates``, ``classes`` or ``target``).
        findings: worst first.
        not_applicable: (code, why).
        cells: the columns of the rows looked at, target included.
        target: name of the target's column, or None.
    """

    name: str
    evidence: Mapping[str, Any]
    findings: Sequence[Finding]
    not_applicable: Sequence[tuple[str, str]]
    cells: Sequence[Cells]
    target: str | None = None


def table_facts(told: TableFacts) -> dict[str, Any]:
    """Everything the page shows; of more than 60 columns the most interesting 60, in the order of interest.

    Interesting is what findings name (an error counts 3, a warning 2, advice 1), what goes with the target, what has
    gaps, in this order of weight.
    """
    features = [own for own in told.cells if own.name != told.target]
    target = next((own for own in told.cells if own.name == told.target), None)
    named = {finding.code: _names(finding, told) for finding in told.findings}
    links = Associations(told.cells)
    linked = _with_target(links, told.target)
    ranked = _by_interest(features, told.findings, named, linked)
    shown = features if len(features) <= MOST_COLUMNS else ranked[:MOST_COLUMNS]
    levels = [own.name for own in ranked if own.kind in LEVELS][:MOST_LEVEL_COLUMNS]
    columns = {own["name"]: own for own in map(dict, told.evidence["columns"])}
    shapes = {own.name: _drawn(own, target) for own in shown}
    compared = [*([told.target] if told.target else []), *(own.name for own in shown)]
    matrix = [name for name in compared if name in links.names][:MOST_IN_MATRIX]
    pictured = {own.name: own for own in told.cells}
    found = {
        "name": told.name,
        "target": told.target,
        "rows": told.evidence["rows"],
        "rows_looked_at": len(told.cells[0].values) if told.cells else 0,
        "columns_of": len(features),
        "kinds": _kinds(columns.values()),
        "duplicates": told.evidence.get("duplicates") or 0,
        "missing_cells": sum(own.get("missing") or 0 for own in columns.values()),
        "classes": _classes(told.evidence.get("classes")),
        "target_shape": _drawn(target, None) if target is not None and not target.levels else None,
        "told_of": told_of(target),
        "findings": [_finding(own, named[own.code], pictured, target) for own in told.findings],
        "not_applicable": [{"code": code, "why": why} for code, why in told.not_applicable],
        "columns": [
            {**columns[own.name], "link": linked.get(own.name), "shape": shapes[own.name]}
            for own in shown
            if own.name in columns
        ],
        "gaps": _counted(where_missing(features), columns, told.evidence["rows"]),
        "together": missing_together(features),
        "target_by_gap": target_where_missing(features, target),
        "pairs": links.strongest(MOST_PAIRS, {*levels, *([told.target] if told.target else [])}),
        "pairs_of": len(features) - sum(own.kind in LEVELS for own in features) + len(levels),
        "matrix": {"names": matrix, "values": links.matrix(matrix).round(2)},
    }
    return dict(to_json(found))


def _counted(gaps: dict[str, Any], columns: Mapping[str, Mapping[str, Any]], rows: int) -> dict[str, Any]:
    """Missing cells counted in the whole table, where the pictures are of a sample of its rows."""
    for own in gaps["columns"]:
        cells = columns.get(own["name"], {}).get("missing", own["cells"])
        own |= {"cells": cells, "share": cells / rows if rows else 0.0}
    return gaps | {"of": sum(bool(own.get("missing")) for own in columns.values())}


def _names(finding: Finding, told: TableFacts) -> list[str]:
    """The columns that a finding speaks of, in its order, where its evidence names columns."""
    known = {own.name for own in told.cells}
    texts = [text for key in NAMING for text in _texts(finding.evidence.get(key))]
    return [name for name in dict.fromkeys(texts) if name in known]


def _texts(value: Any) -> Iterator[str]:
    """Keys of a mapping, or the texts of a list and of the lists in it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from map(str, value)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)


def _with_target(links: Associations, target: str | None) -> dict[str, float]:
    if target is None or target not in links.names:
        return {}
    strengths = links.with_one(target, links.names)
    return {name: float(s) for name, s in zip(links.names, strengths, strict=True) if np.isfinite(s)}


def _by_interest(
    features: Sequence[Cells],
    findings: Sequence[Finding],
    named: Mapping[str, Sequence[str]],
    linked: Mapping[str, float],
) -> list[Cells]:
    """The columns, the most interesting first."""
    score = {own.name: abs(linked.get(own.name, 0.0)) + 0.5 * float(own.gaps.mean()) for own in features}
    for finding in findings:
        for name in named[finding.code]:
            score[name] = score.get(name, 0.0) + WEIGHTS[finding.severity]
    return sorted(features, key=lambda own: -score[own.name])


def _finding(
    finding: Finding, names: Sequence[str], cells: Mapping[str, Cells], target: Cells | None
) -> dict[str, Any]:
    """A finding with pictures of the first columns it speaks of, the target's own left out."""
    others = [name for name in names if target is None or name != target.name]
    drawn = [{"name": name, "shape": _drawn(cells[name], target)} for name in others]
    pictures = [own for own in drawn if own["shape"]][:MOST_PICTURES]
    return {
        **{key: getattr(finding, key) for key in ("code", "severity", "confidence", "message")},
        "evidence": flat(to_json(finding.evidence)),
        "pictures": pictures,
        "more": max(0, len(others) - len(pictures)),
    }


def _drawn(column: Cells, target: Cells | None) -> dict[str, Any] | None:
    """The column's shape with what a person reads at it: ends, far values, the target's range along it."""
    found = shape(column, target)
    if found is None:
        return None
    along = [value for value in found["along"] or [] if value is not None]
    found["line"] = _line(found["along"]) if len(along) > 1 else None
    found["line_ends"] = [min(along), max(along)] if len(along) > 1 else None
    if "levels" in found:
        return found
    dates = found["unit"] == "seconds since 1970"
    show = date if dates else number
    found["ends"] = [show(found[key]) for key in ("least", "most")]
    found["middle"] = show(found["median"])
    found["range"] = (
        [show(found["edges"][0]), show(found["edges"][-1])] if found["below"] + found["above"] else None
    )
    return found


def _line(along: Sequence[float | None]) -> list[list[float | None]]:
    """(bin, height in percent) of the target's line: from 0 where it is least to 100 where it is most."""
    known = [value for value in along if value is not None]
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    return [[k, round(100 * (v - low) / span, 1)] for k, v in enumerate(along) if v is not None]


def _kinds(columns: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for column in columns:
        found[column["kind"]] = found.get(column["kind"], 0) + 1
    return found


def _classes(counts: Mapping[str, int] | None) -> list[tuple[str, int]]:
    return sorted((counts or {}).items(), key=lambda item: -item[1])
