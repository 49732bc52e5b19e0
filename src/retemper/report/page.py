"""Facts → one HTML page that needs nothing else: styles, scripts and data are inside, no network is used.

Text from the data is escaped by Jinja; the charts' JSON stands in a script element of type ``application/json``
with ``<``, ``>`` and ``&`` written as ``\\u003c``… so that no text can end the element. As a second lock, the
page's content security policy names the hashes of its own two scripts: no other script, inline handler or
request runs, whatever the text says.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from retemper.report import words
from retemper.report.charts import figures, long_members


def render(facts: dict[str, Any]) -> str:
    """The report as HTML.

    Args:
        facts: from :func:`retemper.report.facts.facts`.

    Returns:
        a whole document, about 1.3 MB, of which Plotly is 1.2 MB.

    >>> from retemper.report.facts import facts
    >>> page = render(facts(Path("RUN")))  # doctest: +SKIP
    """
    charts = figures(facts)
    scripts = {"plotly": asset("plotly-basic.min.js"), "page": asset("page.js")}
    policy = policy_of(scripts.values())
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            facts,
            charts=charts,
            show=_sections(facts, charts),
            charts_json=embedded(charts),
            style=Markup(asset("page.css")),
            scripts={name: Markup(text) for name, text in scripts.items()},
            policy=policy,
            licence=asset("plotly-basic.LICENSE.txt"),
        )
    )


@cache
def environment() -> Environment:
    """Jinja with the report's templates and filters; all text from the data is escaped."""
    environment = Environment(
        loader=PackageLoader("retemper", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": words.number,
        "fixed": words.fixed,
        "percent": words.percent,
        "duration": words.duration,
        "phrase": words.phrase,
        "metric": words.metric,
        "model": words.model,
    }
    return environment


def _sections(facts: dict[str, Any], charts: dict[str, Any]) -> dict[str, bool]:
    """Which sections have something to show."""
    evidence = facts["evidence"]
    before = ("initial_loss", "overfit_sample", "input_blind")
    return {
        "checks": any(evidence.get(step) for step in before),
        "search": bool(facts["trials"]) or bool({"rates", "trials", "search"} & set(charts)),
        "training": "training" in charts,
        "calibrated": any("val_loss_calibrated" in own for own in long_members(facts)),
        "tried": bool((evidence.get("read_curves") or {}).get("rounds"))
        or "ensemble" in (evidence.get("ensemble") or {})
        or "temperature" in (evidence.get("calibrate") or {}),
        "decisions": any(facts["decisions"][part] for part in ("curves", "threshold", "costs", "interval")),
        "cleaning": any(facts["cleaning"][part] for part in ("changes", "treatments", "labels")),
    }


def policy_of(scripts: Iterable[str]) -> str:
    """The hashes of a page's own scripts, for its content security policy."""
    return " ".join(f"'sha256-{_hash(text)}'" for text in scripts)


def embedded(value: Any) -> Markup:
    """JSON that can stand in a script element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def asset(name: str) -> str:
    """A file that lies beside the templates, as text."""
    return files("retemper.report").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
