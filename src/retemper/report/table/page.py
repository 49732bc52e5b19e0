"""The page of ``retemper check``: one file without scripts that needs no network."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from markupsafe import Markup

from retemper.report.page import asset, environment
from retemper.report.page_file import write_page


def render(facts: dict[str, Any]) -> str:
    """The page as HTML.

    Args:
        facts: from :func:`retemper.report.table.facts.table_facts`.
    """
    template = environment().get_template("check.html.j2")
    return template.render(facts, style=Markup(asset("page.css")), version=version("retemper"))


def write(facts: dict[str, Any], path: Path) -> Path:
    """Write the page, whole or not at all.

    Raises:
        InputError: ``cannot_write``.
    """
    return write_page(render(facts), path)
