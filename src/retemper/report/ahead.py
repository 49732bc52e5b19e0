"""The report's code, loaded and compiled while nobody waits for it.

Jinja compiles a template when it is first used: a quarter of a second for all of a report, at the very end of a run.
"""

from __future__ import annotations

from retemper.report import write  # noqa: F401  # with all that it loads
from retemper.report.page import environment

OTHERS = ("check", "decision.", "decision_", "doctor", "life")
"""What the names of other commands' pages, and of their parts, begin with."""


def compiled() -> list[str]:
    """Compile the templates of a run's report; their names.

    >>> "page.html.j2" in compiled()
    True
    """
    names = [name for name in environment().list_templates(extensions=["j2"]) if not name.startswith(OTHERS)]
    for name in names:
        environment().get_template(name)
    return names
