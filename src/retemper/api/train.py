"""Train by the book: one call from a table to a proven model, and the same run resumed after a kill."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from retemper.api.faults import machine_faults
from retemper.api.options import TrainOptions, compose, refuse_unknown, seconds_of
from retemper.api.register import register, registration
from retemper.api.start import SECONDS, Clock, Start, Tables, Verb, read_tables, reopen_start, save_start
from retemper.core import device, interrupt
from retemper.core.budget import Budget, decisions, now
from retemper.core.errors import InputError, RetemperError
from retemper.core.interrupt import Watch
from retemper.core.loading import loading
from retemper.core.progress import Reporter, SilentReporter
from retemper.core.recipe import Recipe
from retemper.core.records import Score
from retemper.core.run_folder import RunFolder
from retemper.data.read import Table
from retemper.training.processes import started_ahead

if TYPE_CHECKING:
    from retemper.bundle.model import Model

REPLAY = "checkpoints/replay.jsonl"
"""The log whose decisions this run repeats, copied so that a resumed run finds it."""


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, its result.json, its model.

    Args:
        folder: where everything is, see the README.
        result: the content of result.json.
        registered: ``name@version`` where its model was registered.

    >>> score = {"value": 0.3, "low": 0.2, "high": 0.4}
    >>> Run(Path("runs/a"), {"metrics": {"test": {"log_loss": score}}}).metrics["log_loss"].value
    0.3
    """

    folder: Path
    result: dict[str, Any]
    registered: str | None = None

    @property
    def metrics(self) -> dict[str, Score]:
        """The test metrics with their 95 % intervals."""
        return {name: Score(**score) for name, score in self.result["metrics"]["test"].items()}

    @cached_property
    def model(self) -> Model:
        """The trained model, loaded from the run's bundle."""
        from retemper.bundle.load import load as load_bundle

        return load_bundle(self.folder)


def train(data: Any, target: str | None = None, **options: Unpack[TrainOptions]) -> Run:
    """Carry out the whole procedure on a table; see ``retemper.procedure.sequence`` for its steps.

    Args:
        data: path (.csv, .csv.gz, .parquet, .npz, a folder of parts), Polars or pandas frame, NumPy array,
            tuple (x, y), or dict of columns.
        target: the column to predict.
        **options: see :class:`TrainOptions`.

    Returns:
        The finished run: ``run.model``, ``run.metrics``, ``run.folder``, ``run.result``.

    Raises:
        InputError: the data, an option or the machine is at fault.
        Interrupted: stopped by Ctrl-C or SIGTERM, saved and resumable.

    >>> run = train("adult.csv.gz", "income", time_limit="1m", seed=0)  # doctest: +SKIP
    >>> run.metrics["log_loss"].value < 0.3  # doctest: +SKIP
    True
    """
    refuse_unknown(options)
    return begin(data, compose(target, options), options, "train")


def begin(data: Any, recipe: Recipe, options: TrainOptions, verb: Verb) -> Run:
    """A new run of either verb, from the start to the end.

    Raises:
        InputError: the data, an option or the machine is at fault.
        Interrupted: stopped by Ctrl-C or SIGTERM, saved and resumable.
    """
    started = options.get("started", now())
    clock = Clock(seconds_of(options.get("time_limit")), None)
    replay = _read_replay(options.get("replay"))
    asked = registration(options.get("register"))
    reporter = options.get("reporter", SilentReporter())
    with machine_faults(), started_ahead(recipe.workers or device.cores()):
        tables = read_tables(data, options.get("test"), recipe.data.target)
        recipe = _with_target(recipe, tables.data.table)
        with _begun(RunFolder.create(options.get("out"), tables.data.table.name), verb) as folder:
            if replay is not None:
                folder.write_bytes(REPLAY, replay)
                clock = replace(clock, replay=REPLAY)
            start = save_start(folder, recipe, tables, clock, verb, asked)
            return _carry_out(folder, (start, recipe, tables), started, reporter)


def resume(
    run: str | Path,
    reporter: Reporter | None = None,
    started: float | None = None,
    verb: Verb | None = None,
    address: str | None = None,
) -> Run:
    """Go on with a run of :func:`train` or :func:`tune` that was stopped or killed, to the same bits.

    Args:
        run: the run's folder.
        reporter: told of each step; silent without.
        started: when this session began, by :func:`retemper.core.budget.now`; now without.
        verb: what the run must be one of; None: either.
        address: of the Ray cluster that a search goes on with; None: the one that it was begun with.

    Returns:
        The finished run, as :func:`train` does.

    Raises:
        InputError: ``not_a_run``, ``run_finished``, ``run_in_use``, ``data_changed``, ``no_such_file``,
            ``damaged_run``, ``other_verb``.
        Interrupted: stopped again.

    >>> resume("runs/20260101-120000-adult").metrics["log_loss"].value < 0.3  # doctest: +SKIP
    True
    """
    began = now() if started is None else started
    with machine_faults(), RunFolder.reopen(run, verb or "train") as folder, Watch(folder.path) as watch:
        begun = reopen_start(folder)
        watch.verb = begun[0].verb
        if verb not in (None, watch.verb):
            raise InputError(
                "other_verb",
                f"This run was started by `retemper {watch.verb}`, not by `retemper {verb}`.",
                {"folder": str(run)},
                f"retemper {watch.verb} --resume {run}",
            )
        if address is not None:
            begun = begun[0], _elsewhere(begun[1], address), begun[2]
        return _carry_out(folder, begun, began, reporter or SilentReporter())


def _elsewhere(recipe: Recipe, address: str) -> Recipe:
    """The recipe with another cluster, on which no result depends."""
    if recipe.tune.engine != "ray":
        raise InputError(
            "conflicting_options",
            f"This search trains on the engine {recipe.tune.engine}, which has no address.",
            {"option": "--address"},
            "Leave it out.",
        )
    return recipe.with_changes({"tune.address": address})


def _carry_out(
    folder: RunFolder, begun: tuple[Start, Recipe, Tables], started: float, reporter: Reporter
) -> Run:
    with loading():
        from retemper.procedure import sequence  # loads PyTorch, as the workers do meanwhile

    interrupt.check()
    start, recipe, tables = begun
    budget = _budget(folder, start.clock, started)
    table, own_test_rows = tables.joined()
    folder.log({"event": "resumed" if folder.log_path.exists() else "started", **asdict(start.clock)})
    try:
        with budget.noted(folder.path / SECONDS):
            alone = start.verb == "tune"
            result = sequence.run(table, recipe, folder, budget, reporter, own_test_rows, alone)
    except RetemperError:
        raise
    except Exception as error:
        folder.log({"event": "fault", "traceback": traceback.format_exc()})
        error.add_note(f"The traceback is in {folder.log_path}.")
        raise
    registered = None if start.register is None else register(folder, start.register)
    return Run(folder.path, result, registered)


def _budget(folder: RunFolder, clock: Clock, started: float) -> Budget:
    """The clock, with the decisions to repeat: another run's (replay) or those before this run was killed."""
    log = folder.path / clock.replay if clock.replay else folder.log_path
    return Budget(
        clock.time_limit_s,
        started,
        used_s=clock.seconds_used,
        made=decisions(log) if log.is_file() else {},
        log=folder.log,
        strict=clock.replay is not None,
    )


@contextmanager
def _begun(run: RunFolder, verb: Verb) -> Iterator[RunFolder]:
    """A new run's folder while it is open; from here on Ctrl-C leaves a run that can be resumed.

    When the input is at fault, before any training has begun, the folder is deleted: its name is free again.
    """
    with run as folder, Watch(folder.path, verb):
        try:
            yield folder
        except InputError:
            if not folder.jobs.exists():
                folder.discard()
            raise


def _with_target(recipe: Recipe, table: Table) -> Recipe:
    if table.target is None:
        columns = ", ".join(table.frame.columns[:20])
        raise InputError(
            "missing_target",
            f"Nothing says which column to predict; the columns are {columns}.",
            {"file": table.source},
            "Name it: --target COLUMN (in Python: target=...).",
        )
    return recipe.with_changes({"data.target": table.target})


def _read_replay(log: str | Path | None) -> bytes | None:
    if log is None:
        return None
    try:
        return Path(log).read_bytes()
    except OSError as error:
        message = f"Can't read the log to replay: {error.strerror}."
        where = {"file": str(log)}
        raise InputError("no_such_file", message, where, "Name the log.jsonl of a finished run.") from None
