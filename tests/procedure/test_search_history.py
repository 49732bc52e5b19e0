"""Thousands of curves: the best trials' stay, the log says where all are."""

import json
from pathlib import Path

from retemper.core.history import append_rows, read_histories
from retemper.core.run_folder import RunFolder
from retemper.procedure.search_history import BEST, thin_history
from retemper.procedure.trained_trials import network_id
from retemper.search.excerpt import MOST
from retemper.search.trials import Evaluation, Order, Trial


def trial(number: int) -> Trial:
    order = Order(number, {}, 2, (0, 1))
    return Trial(number, order.values, (Evaluation(order, {0: 0.1, 1: 0.1}),))


def searched(folder: RunFolder, count: int) -> list[Trial]:
    folder.history.mkdir(exist_ok=True)
    append_rows(
        folder.history / "search.jsonl",
        (
            {"member": network_id(k, fold), "epoch": epoch, "val_loss": 0.1}
            for k in range(count)
            for epoch in (1, 2)
            for fold in (0, 1)
        ),
    )
    return [trial(k) for k in reversed(range(count))]


def test_the_best_trials_curves_stay(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", "search") as folder:
        trials = searched(folder, MOST + 1)
        thin_history(folder, trials)
        left = read_histories(folder.history / "search.jsonl")
        assert {own.member for own in left} == {
            network_id(own.number, f) for own in trials[:BEST] for f in (0, 1)
        }
        assert all(len(own) == 2 for own in left)
        said = json.loads((folder.path / "log.jsonl").read_text().splitlines()[-1])
        assert (said["rows"], said["of"]) == (4 * BEST, 4 * (MOST + 1))
        assert said["all"] == "checkpoints/trials.jsonl"


def test_few_trials_keep_all_of_theirs(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", "search") as folder:
        trials = searched(folder, 20)
        before = (folder.history / "search.jsonl").read_bytes()
        thin_history(folder, trials)
        assert (folder.history / "search.jsonl").read_bytes() == before
        assert not (folder.path / "log.jsonl").exists()
