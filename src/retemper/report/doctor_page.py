"""The doctor's page: one HTML file that needs nothing else and uses no network."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from markupsafe import Markup

from retemper.report.doctor_charts import doctor_figures
from retemper.report.page import asset, embedded, environment, policy_of
from retemper.report.page_file import write_page


def render(facts: dict[str, Any]) -> str:
    """The page as HTML.

    Args:
        facts: from :func:`retemper.report.doctor_facts.doctor_facts`.
    """
    charts = doctor_figures(facts)
    scripts = {"plotly": asset("plotly-basic.min.js"), "page": asset("page.js")}
    return (
        environment()
        .get_template("doctor.html.j2")
        .render(
            facts,
            charts=charts,
            charts_json=embedded(charts),
            style=Markup(asset("page.css")),
            scripts={name: Markup(text) for name, text in scripts.items()},
            policy=policy_of(scripts.values()),
            licence=asset("plotly-basic.LICENSE.txt"),
            version=version("retemper"),
        )
    )


def write(facts: dict[str, Any], path: Path) -> Path:
    """Write the page, whole or not at all.

    Raises:
        InputError: ``cannot_write``.
    """
    return write_page(render(facts), path)
