"""All templates of a run's report are compiled ahead, and none that it doesn't have."""

from jinja2 import meta

from retemper.report import ahead
from retemper.report.page import environment


def test_just_what_the_report_is_made_of_is_compiled_ahead():
    jinja = environment()
    reached, new = set(), {"page.html.j2"}
    while new:
        name = new.pop()
        reached.add(name)
        source = jinja.loader.get_source(jinja, name)[0]
        new |= set(meta.find_referenced_templates(jinja.parse(source))) - reached
    assert set(ahead.compiled()) == reached
