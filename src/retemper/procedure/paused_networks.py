"""Where the networks of a search paused, as far as they can still go on from there."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from retemper.procedure.trained_trials import network_id
from retemper.search.trials import Evaluation
from retemper.training.carry_out import PAUSED


class PausedNetworks:
    """Network → the job that it paused in, and the epoch.

    A network that has trained in full, and one whose state has left the disk, is none of them: what is kept in memory
    grows with what is kept on the disk, not with the trials.

    Args:
        folder: the run's jobs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._at: dict[int, tuple[str, int]] = {}

    def __len__(self) -> int:
        return len(self._at)

    def add(self, evaluation: Evaluation) -> None:
        """Take in where the networks of an evaluation are now."""
        order = evaluation.order
        there = {place for place in set(evaluation.places.values()) if self._is_there(place)}
        for fold, place in evaluation.places.items():
            network = network_id(order.trial, fold)
            self._at.pop(network, None)
            if place in there:
                self._at[network] = (place, order.epochs)

    def forget(self, places: Collection[str]) -> None:
        """These jobs' states have left the disk."""
        if places:
            self._at = {network: at for network, at in self._at.items() if at[0] not in places}

    def since(self, network: int, epochs: int) -> int:
        """The epoch after which a network goes on, to be trained up to so many; 0: it begins anew."""
        place, since = self._at.get(network, ("", 0))
        return since if 0 < since < epochs and self._is_there(place) else 0

    def place(self, network: int) -> str:
        """The job that a network goes on from."""
        return self._at[network][0]

    def _is_there(self, place: str) -> bool:
        return (self._folder / place / PAUSED).is_file()
