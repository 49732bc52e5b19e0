"""The engine ray on a real cluster of two nodes, one of which dies; the engine processes beside it."""

import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from retemper.api.minimize import minimize
from retemper.core.errors import InputError
from retemper.search.engines import node
from retemper.search.engines.cluster import Cluster, places_of
from retemper.search.engines.ray_pool import _mark

pytest.importorskip("ray", reason="Ray is not installed: pip install 'retemper[ray]'")
SETTINGS = ["tune.fidelity=halving", "tune.epochs=9", "tune.folds=3", "model.depth=1", "workers=1"]
SETTINGS += ["tune.widenings=0", "procedure.bootstrap=100"]
SPACE = {"learning_rate": [0.01, 0.003, 0.001], "batch_size": [16, 32, 64], "width": [16]}


@pytest.fixture(scope="module")
def two_nodes():
    """A cluster of two nodes with one processor each, and its second node, which may be killed."""
    from ray.cluster_utils import Cluster as Nodes

    size = {"num_cpus": 1, "object_store_memory": 80_000_000}
    nodes = Nodes(initialize_head=True, head_node_args={**size, "include_dashboard": False})
    try:
        yield nodes, nodes.add_node(**size)
    finally:
        nodes.shutdown()


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A CSV of two classes, and a space."""
    folder = tmp_path_factory.mktemp("table")
    draw = np.random.default_rng(0)
    x, z = draw.normal(size=(2, 240))
    score = x - z + 0.5 * draw.normal(size=240)
    pl.DataFrame({"x": x, "z": z, "y": np.where(score > 0, "yes", "no")}).write_csv(folder / "table.csv")
    (folder / "space.yaml").write_text(json.dumps(SPACE))
    return folder


def tune(table, out, *options):
    """``retemper tune`` as a process of its own."""
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    words = ["tune", str(table / "table.csv"), "--target", "y", "--space", str(table / "space.yaml")]
    words += ["--sampler", "grid", "--seed", "1", "--json"]
    return run(*words, "--out", str(out), *settings, *options)


def run(*words):
    """``retemper`` with these words as a process of its own."""
    command = [sys.executable, "-m", "retemper", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outcome(process, out):
    """What a search found, of which nothing may depend on the engine: trials, weights, and the test."""
    said, errors = process.communicate(timeout=170)
    assert process.returncode == 0, errors[-2000:]
    result = json.loads(said)
    trials = [
        {key: row[key] for key in ("number", "values", "epochs", "folds")}
        for row in result["search"]["evidence"]["trials"]
    ]
    weights = sha256((out / "model" / "weights.safetensors").read_bytes()).hexdigest()
    return trials, weights, result["metrics"]


@pytest.fixture(scope="module")
def on_this_machine(table, tmp_path_factory):
    """What the search finds without a cluster."""
    out = tmp_path_factory.mktemp("here") / "stack"
    return outcome(tune(table, out), out)


def test_a_worker_killed_in_the_midst_of_its_work_loses_nothing(two_nodes, table, on_this_machine, tmp_path):
    """Its machine lives on: the job is done again by another process of the node."""
    out = tmp_path / "ray"
    search = tune(table, out, "--engine", "ray", "--address", two_nodes[0].address)
    killed = None
    while search.poll() is None and killed is None:
        training = [*workers_at_work(two_nodes[0])] if left_of(out, "*-job-*") else []
        for killed in training[:1]:
            os.kill(killed, signal.SIGKILL)
            left = left_of(out, "*-job-*")
    assert killed is not None and left, "a job's folder lies there as it was left"
    assert outcome(search, out) == on_this_machine
    assert left_of(out) == [], "what the killed one left is gone too"


def workers_at_work(nodes):
    """Processes of this cluster's nodes, and of no other cluster, that train now; Ray names them by their task."""
    raylets = {own.process.pid for node in nodes.list_all_nodes() for own in node.all_processes["raylet"]}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            named = (process / "cmdline").read_bytes().startswith(b"ray::train")
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        if named and parent in raylets:
            yield int(process.name)


def test_a_killed_node_loses_nothing_and_no_bit_depends_on_the_engine(
    two_nodes, table, on_this_machine, tmp_path
):
    nodes, second = two_nodes
    search = tune(table, tmp_path / "ray", "--engine", "ray", "--address", nodes.address)
    jobs = tmp_path / "ray" / "checkpoints" / "jobs"
    while search.poll() is None and not list(jobs.glob("search.*/done.safetensors")):
        time.sleep(0.02)
    waiting = [job for job in jobs.glob("search.*") if not (job / "done.safetensors").is_file()]
    nodes.remove_node(second, allow_graceful=False)
    on_ray = outcome(search, tmp_path / "ray")
    assert waiting, "the search was in its midst"
    assert on_ray == on_this_machine
    alone = tune(table, tmp_path / "alone", "--engine", "processes")
    assert on_ray == outcome(alone, tmp_path / "alone")
    sizes = [
        len(json.loads(job.read_text())["members"])
        for job in (tmp_path / "alone" / "checkpoints" / "jobs").glob("search.*/job.json")
    ]
    assert sizes and set(sizes) == {1}


def test_interrupted_it_leaves_nothing_on_the_nodes_and_goes_on_with_another_cluster(table, tmp_path):
    from ray.cluster_utils import Cluster as Nodes

    size = {"num_cpus": 1, "object_store_memory": 80_000_000}
    head = {"initialize_head": True, "head_node_args": {**size, "include_dashboard": False}}
    out, jobs = tmp_path / "run", tmp_path / "run" / "checkpoints" / "jobs"
    longer = ["--set", "tune.epochs=243"]
    first = Nodes(**head)
    try:
        first.add_node(**size)
        search = tune(table, out, *longer, "--engine", "ray", "--address", first.address)
        together = 0
        while search.poll() is None and not (together > 1 and list(jobs.glob("search.*/done.safetensors"))):
            together = max(together, len(left_of(out, "*-job-*")))
            time.sleep(0.01)
        search.send_signal(signal.SIGINT)
        said, _ = search.communicate(timeout=100)
        assert search.returncode == 130 and together == 2, "stacks of different shapes train on both nodes"
        assert json.loads(said)["error"]["try"] == f"Go on with: retemper tune --resume {out}"
        assert left_of(out) == []
    finally:
        first.shutdown()
    asked = ["--resume", str(out), "--json"]
    second = Nodes(**head)
    try:
        resumed = outcome(run("tune", *asked, "--address", second.address), out)
    finally:
        second.shutdown()
    assert left_of(out) == []
    assert resumed == outcome(tune(table, tmp_path / "stack", *longer), tmp_path / "stack")


def left_of(out, rest="*"):
    """What the nodes, which are all on this machine, have of a run in their temporary folder."""
    study = _mark(f"{socket.gethostname()}:{(out / 'checkpoints' / 'jobs').resolve()}")
    return list(Path(tempfile.gettempdir()).glob(f"retemper-{study}-{rest}"))


def test_a_share_of_a_gpu_is_asked_for_and_counted(two_nodes):
    """Ray counts what it is told there is: no GPU is needed to see who would share one."""
    nodes, _ = two_nodes

    def assigned():
        import ray

        return dict(ray.get_runtime_context().get_assigned_resources())

    node_with_one = nodes.add_node(num_cpus=3, num_gpus=1, object_store_memory=80_000_000)
    try:
        with Cluster(nodes.address, gpus=0.5) as cluster:
            assert cluster.places() == 2, "two share the GPU, and the third processor has none"
            ticket = cluster.call(assigned)
            while (done := cluster.done(1.0)) is None:
                pass
        assert done == (ticket, {"CPU": 1.0, "GPU": 0.5})
    finally:
        nodes.remove_node(node_with_one)


def test_a_function_is_called_on_the_nodes_and_a_lost_call_is_made_again(two_nodes, tmp_path):
    nodes, _ = two_nodes
    mark = tmp_path / "killed"
    term = signal.getsignal(signal.SIGTERM)

    def loss(setting, epochs):
        if setting["x"] > 0.5 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return abs(setting["x"] - 0.3) / epochs

    options = {"trials": 12, "epochs": 3, "fidelity": "halving", "batch": 6, "seed": 2}
    space = {"x": {"low": 0.0, "high": 1.0}}
    on_ray = minimize(loss, space, engine="ray", address=nodes.address, **options)
    assert mark.exists()
    here = minimize(loss, space, workers=1, **options)
    assert [(t.values, t.loss) for t in on_ray.trials] == [(t.values, t.loss) for t in here.trials]
    assert signal.getsignal(signal.SIGTERM) is term, "Ray's handler would end a run unsaved"


def test_a_node_with_other_versions_is_refused():
    said = node.train(node.Parcel({}, "", {}, {}, None, None, {**node.versions(), "torch": "1.0"}))["said"]
    assert said["error"]["code"] == "versions_differ" and "torch" in said["error"]["message"]


def test_a_cluster_without_gpus_gives_none(two_nodes):
    with pytest.raises(InputError) as caught:
        Cluster(two_nodes[0].address, gpus=0.5)
    assert caught.value.code == "no_gpus"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("127.0.0.1:9", "cluster_unreachable"),
        ("ray://127.0.0.1:9", "cluster_unreachable"),
        ("here", "bad_address"),
    ],
)
def test_an_address_that_does_not_answer(address, code):
    with pytest.raises(InputError) as caught:
        minimize(lambda setting, epochs: 0.0, {"x": [1]}, engine="ray", address=address)
    assert caught.value.code == code and caught.value.exit_code == 2


def test_room_for_shares_of_gpus():
    assert places_of(4, 1, 1 / 3) == 3
    assert places_of(2, 4, 0.5) == 2
    assert places_of(math.inf, 3, 2) == 1
