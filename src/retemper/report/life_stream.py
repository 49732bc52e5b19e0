"""The page of a watched stream's life: one HTML file that needs nothing else, without scripts."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from markupsafe import Markup

from retemper.report.page import asset, environment


def render(facts: dict[str, Any]) -> str:
    """The page as HTML.

    Args:
        facts: from :func:`retemper.report.life_course.life_of`.

    >>> from retemper.report.life_course import course
    >>> decision = {"harm": {"metric": "rmse", "before": 2.0, "now": 3.0, "low": 0.5, "high": 2}, "champion": "flow@1"}
    >>> "flow@1 is in force" in render({"name": "flow", "in_force": "flow@1", "course": course([("May", decision)])})
    True
    """
    template = environment().get_template("life_stream.html.j2")
    style = Markup(asset("page.css") + asset("decision.css"))
    return template.render(facts, style=style, by=version("retemper"))
