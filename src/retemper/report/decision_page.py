"""The page of a decision: one HTML file that needs nothing else, without scripts."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from markupsafe import Markup

from retemper.report.page import asset, environment


def render(facts: dict[str, Any]) -> str:
    """The page as HTML.

    Args:
        facts: from :func:`retemper.report.decision_facts.decision_facts`.

    >>> from retemper.report.decision_facts import told_of
    >>> page = render(told_of({"promoted": False}, "run"))
    >>> "The model stays" in page, "<script" in page
    (True, False)
    """
    template = environment().get_template("decision.html.j2")
    style = Markup(asset("page.css") + asset("decision.css"))
    return template.render(facts, style=style, by=version("retemper"))
