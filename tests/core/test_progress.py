"""What a person sees, on a terminal and in a file."""

import io

from retemper.core.progress import ConsoleReporter
from retemper.core.records import Step


class Stream(io.StringIO):
    def __init__(self, terminal=False, encoding="utf-8"):
        super().__init__()
        self._terminal, self._encoding = terminal, encoding

    def isatty(self):
        return self._terminal

    @property
    def encoding(self):
        return self._encoding


def shown(stream, verdict="pass", message="It went [bold]well[/bold]."):
    reporter = ConsoleReporter(stream)
    reporter.step_started("search_coarse", 7, 13)
    for percent in range(0, 101, 5):
        reporter.progress(percent / 100, "24 trials")
    reporter.progress(None, "nobody knows how long")
    reporter.step_finished(Step("search_coarse", verdict, message, {}, 1.25))
    reporter.note("A note.")
    reporter.close()
    return stream.getvalue()


def test_a_file_gets_plain_lines_and_few_of_them():
    lines = shown(Stream()).splitlines()
    assert len(lines) == 5
    assert lines[-2] == " 7/13 ✓ search_coarse       It went [bold]well[/bold]. (1.2 s)"
    assert "\x1b" not in "".join(lines)


def test_a_long_message_is_not_cut_in_a_file():
    assert "x" * 500 in shown(Stream(), message="x" * 500)


def test_a_terminal_gets_the_running_step_and_then_its_verdict(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    text = shown(Stream(terminal=True), verdict="fail")
    assert "✗" in text and "\x1b" in text


def test_an_encoding_without_the_marks_gets_plain_ones():
    text = shown(Stream(encoding="ascii"), verdict="warn")
    assert " 7/13 ! search_coarse" in text
    text.encode("ascii")
