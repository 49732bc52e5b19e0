"""What the page of a decision tells of drift: families against their share of alpha, columns, pictures, since when."""

from __future__ import annotations

import math
from typing import Any

from retemper.report.decision_pictures import picture
from retemper.report.decision_words import FAMILIES, KINDS, plural
from retemper.report.words import number, percent, phrase

MOST_COLUMNS, MOST_PICTURES = 200, 24
STRONGEST = 8.0
"""Powers of ten of the scale of p-values: whatever is smaller stands at its end."""


def drift_facts(drift: dict[str, Any]) -> dict[str, Any]:
    """Drift as the page shows it.

    Args:
        drift: of decision.json; the keys beyond the contract (``kinds``, ``rows``, ``not_applicable``, ``pictures``,
            ``change_point``) may be missing.

    Returns:
        ``detected``, ``sentence``, ``kinds``, ``since``, ``families``, ``columns`` and ``quiet`` (without drift),
        ``pictures``, ``not_applicable``, ``rows``, ``tests``: how many were made.
    """
    alpha = drift.get("alpha") or 0.05
    families = drift.get("families") or {}
    share = alpha / max(1, len(families))
    columns = [_column(own, alpha) for own in drift.get("columns") or []]
    drifted = [own for own in columns if own["drifted"]]
    pictures = [drawn for own in drift.get("pictures") or [] if (drawn := picture(own))]
    names = {own["name"] for own in drifted}
    pictures.sort(key=lambda own: own["name"] not in names)
    return {
        "detected": bool(drift.get("detected")),
        "sentence": _sentence(drift, alpha, len(families)),
        "kinds": [KINDS.get(kind, (phrase(kind), "")) for kind in drift.get("kinds") or []],
        "concept": "concept" in (drift.get("kinds") or []),
        "since": _since(drift.get("change_point") or {}),
        "families": [_family(name, own or {}, share) for name, own in families.items()],
        "share": share,
        "drifted": drifted[:MOST_COLUMNS],
        "quiet": [own for own in columns if not own["drifted"]][:MOST_COLUMNS],
        "pictures": pictures[:MOST_PICTURES],
        "left_out": max(0, len(columns) - 2 * MOST_COLUMNS),
        "undrawn": max(0, len(pictures) - MOST_PICTURES),
        "not_applicable": [
            (FAMILIES.get(own.get("code"), str(own.get("code"))), own.get("why"))
            for own in drift.get("not_applicable") or []
        ],
        "rows": drift.get("rows") or {},
        "tests": len(columns),
    }


def _sentence(drift: dict[str, Any], alpha: float, families: int) -> str:
    p_value = drift.get("p_value")
    if p_value is None:
        return "Nothing could be compared."
    rarity = f"Of comparisons of unchanged rows, {percent(alpha)} at most give an alarm"
    if drift.get("detected"):
        found = f"The new rows differ from the old ones by more than chance explains ({equals(p_value)})."
    else:
        found = f"The new rows differ from the old ones by no more than chance explains ({equals(p_value)})."
    return f"{found} {rarity}, over all {plural(families, 'family')} of tests together."


def _family(name: str, own: dict[str, Any], share: float) -> dict[str, Any]:
    p_value = own.get("p_value")
    return {
        "title": FAMILIES.get(name, phrase(name)),
        "p": equals(p_value),
        "alarm": p_value is not None and p_value <= share,
        "at": _strength(p_value),
        "limit": _strength(share),
        "what": own.get("what") or "",
    }


def _column(own: dict[str, Any], alpha: float) -> dict[str, Any]:
    adjusted = own.get("adjusted_p")
    return {
        "name": str(own.get("name")),
        "test": str(own.get("test")),
        "statistic": own.get("statistic"),
        "p": small(own.get("p_value")),
        "adjusted": small(adjusted),
        "drifted": adjusted is not None and adjusted <= alpha,
    }


def _strength(p_value: float | None) -> float:
    """A place on a scale from p = 1 (0) to p = 1e-8 and below (100)."""
    if p_value is None:
        return 0.0
    return round(100 * min(1.0, -math.log10(max(p_value, 10**-STRONGEST)) / STRONGEST), 2)


def _since(change: dict[str, Any]) -> dict[str, Any] | None:
    """Since when the rows are different; None: nobody looked, or nothing could be said."""
    row, rows = change.get("row"), change.get("rows")
    if row is None:
        return None
    shares = {name: share or 0.0 for name, share in (change.get("columns") or {}).items()}
    columns = sorted(shares.items(), key=lambda pair: -pair[1])[:3]
    return {
        "row": number(row),
        "rows": number(rows) if rows else None,
        "at": round(100 * row / rows, 2) if rows else None,
        "p": equals(change.get("p_value")),
        "when": change.get("when"),
        "columns": [(name, percent(share, 0)) for name, share in columns if share > 0],
    }


def small(p_value: float | None) -> str:
    """A p-value with two digits; a tiny one as a bound.

    >>> small(0.0123), small(2.1e-5), small(3e-9), small(1.0), small(None)
    ('0.012', '0.000021', '< 0.000001', '1', '–')
    """
    if p_value is None:
        return number(None)
    return "< 0.000001" if p_value < 1e-6 else f"{float(f'{p_value:.2g}'):.7f}".rstrip("0").rstrip(".")


def equals(p_value: float | None) -> str:
    r"""``p = 0.012``, in one piece.

    >>> equals(0.0123), equals(3e-9)
    ('p\xa0=\xa00.012', 'p\xa0<\xa00.000001')
    """
    words = small(p_value)
    return f"p {words if words.startswith('<') else f'= {words}'}".replace(" ", "\N{NO-BREAK SPACE}")
