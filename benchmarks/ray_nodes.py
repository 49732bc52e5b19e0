"""Two nodes against one for trials that can't be stacked, and what the tuner itself takes of each call.

    python benchmarks/ray_nodes.py

The function waits, so that two nodes on one machine don't share its processors: what is measured is how well the
places of a cluster are kept busy, and what is lost between two calls. Overhead is 1 − (sum of the calls' own seconds) /
(seconds of the search × places); starting the cluster's processes is not counted, a first search warms them up.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from ray.cluster_utils import Cluster

from retemper.api.minimize import minimize


def main() -> None:
    """Print a table: engine, places, seconds, calls a second, overhead."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each call")
    given = parser.parse_args()
    rows = [("processes", *measured(given.trials, given.seconds, engine="processes", workers=1))]
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        rows.append(("ray", *on(nodes, 1, given)))
        nodes.add_node(num_cpus=1)
        rows.append(("ray", *on(nodes, 2, given)))
    finally:
        nodes.shutdown()
    print(f"{given.trials} calls of {given.seconds} s\n\nengine     places  seconds  overhead")
    for engine, places, seconds, overhead in rows:
        print(f"{engine:<10} {places:>6} {seconds:>8.2f} {overhead:>8.2%}")
    print(f"\ntwo nodes ÷ one node: {rows[1][2] / rows[2][2]:.2f} ×")


def on(nodes: Cluster, places: int, given: Any) -> tuple[int, float, float]:
    """A search on the cluster as it is."""
    return measured(given.trials, given.seconds, engine="ray", address=nodes.address, places=places)


def measured(trials: int, call_s: float, places: int = 1, **engine: Any) -> tuple[int, float, float]:
    """Places, seconds from the first call's beginning to the last one's end, and the share that no call used."""

    def timed(setting: dict[str, float], epochs: int) -> float:
        # On the clock that all processes of this machine share; as the loss it comes back.
        began = time.time()
        time.sleep(call_s)
        return began

    space = {"x": {"low": 0.0, "high": 1.0}}
    found = minimize(timed, space, trials=trials + 4 * places, sampler="random", batch=10_000, **engine)
    kept = sorted(found.trials, key=lambda trial: trial.loss)[4 * places :]
    taken = [trial.last.seconds for trial in kept if trial.last]
    ends = [trial.loss + own for trial, own in zip(kept, taken, strict=True)]
    seconds = max(ends) - kept[0].loss
    return places, seconds, 1 - sum(taken) / (seconds * places)


if __name__ == "__main__":
    main()
