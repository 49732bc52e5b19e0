"""What a person sees while a run goes on: steps with their verdicts, as they happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TextIO

from retemper.core.records import Step

if TYPE_CHECKING:
    from rich.text import Text

MARKS = {"pass": ("✓", "+", "green"), "warn": ("!", "!", "yellow"), "fail": ("✗", "x", "red")}
NAME_WIDTH = 19
SKIPPED = ("\N{EN DASH}", "-", "bright_black")


class Reporter(Protocol):
    """Told about each step by the procedure."""

    def step_started(self, name: str, number: int, total: int) -> None:
        """A step begins; ``number`` counts from 1 to ``total``."""

    def progress(self, fraction: float | None, text: str) -> None:
        """The running step got so far: ``fraction`` in [0, 1], None when it can't be known."""

    def step_finished(self, step: Step) -> None:
        """The step ended with this verdict."""

    def note(self, text: str) -> None:
        """Something worth a line beside the steps."""


class SilentReporter:
    """Says nothing: for ``--quiet`` and for use as a library.

    >>> SilentReporter().note("not shown")
    """

    def step_started(self, name: str, number: int, total: int) -> None:
        pass

    def progress(self, fraction: float | None, text: str) -> None:
        pass

    def step_finished(self, step: Step) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


class ConsoleReporter:
    """One line a step. On a terminal a live line below shows the running step; elsewhere, plain lines.

    Args:
        stream: where to write, standard output or standard error.

    >>> import sys
    >>> reporter = ConsoleReporter(sys.stdout)
    >>> reporter.step_started("initial_loss", 3, 13)
    >>> reporter.step_finished(Step("initial_loss", "pass", "It starts at 0.693, as it should.", {}, 0.2))
     3/13 ✓ initial_loss        It starts at 0.693, as it should. (0.2 s)
    """

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.status import Status

        self._console = Console(file=stream, highlight=False, soft_wrap=not stream.isatty())
        self._live = Status("", console=self._console) if self._console.is_terminal else None
        self._place = ""
        self._name = ""
        self._quarter = 0

    def step_started(self, name: str, number: int, total: int) -> None:
        self._name, self._quarter = name, 0
        self._place = f"{number:2d}/{total} "
        if self._live:
            self._live.update(self._running(""))
            self._live.start()

    def progress(self, fraction: float | None, text: str) -> None:
        percent = "" if fraction is None else f"{100 * fraction:.0f} % "
        if self._live:
            self._live.update(self._running(percent + text))
        elif fraction is not None and self._quarter < int(4 * fraction) < 4:
            self._quarter = int(4 * fraction)  # a file needs no more lines
            self._print(f"{self._place}… {self._name} {percent}{text}")

    def step_finished(self, step: Step) -> None:
        from rich.table import Table
        from rich.text import Text

        if self._live:
            self._live.stop()
        mark, plain, colour = MARKS.get(step.verdict, SKIPPED)
        head = Text(self._place)
        head.append(mark if self._can_show(mark) else plain, style=f"bold {colour}")
        head.append(f" {step.name:<{NAME_WIDTH}} ", style="bold")
        message = Text.assemble(step.message, (f" ({step.seconds:.1f} s)", "dim"))
        if not self._live:
            self._print(head + message)
            return
        row = Table.grid()
        row.add_column(no_wrap=True)
        row.add_column()
        row.add_row(head, message)
        self._console.print(row)

    def note(self, text: str) -> None:
        self._print(f"      {text}")

    def close(self) -> None:
        """Take the live line away (after an error in a step)."""
        if self._live:
            self._live.stop()

    def _running(self, text: str) -> Text:
        from rich.text import Text

        return Text.assemble((f"{self._place}{self._name} ", "bold"), (text, "dim"))

    def _print(self, line: Text | str) -> None:
        text = line if not isinstance(line, str) or self._can_show(line) else line.replace("…", "...")
        self._console.print(text, markup=False)

    def _can_show(self, text: str) -> bool:
        try:
            text.encode(self._console.encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True
