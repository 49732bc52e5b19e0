"""A registry in a real MLflow server: the same behaviour as a folder's, and MLflow's own aliases."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retemper.api.registry import located, registry
from retemper.bundle.load import load
from retemper.retraining.registry.mlflow_registry import MlflowRegistry
from retemper.retraining.registry.reference import parse

from .conftest import DECISION, RESULT

needs_mlflow = pytest.mark.skipif(
    find_spec("mlflow") is None or find_spec("sqlalchemy") is None,
    reason="MLflow's server is not installed (pip install mlflow)",
)
X = np.array([[-0.9], [0.9]])
CodeOf = Callable[..., str]
READY_S = 120


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of our own; RETEMPER_TEST_MLFLOW names one that runs already."""
    if given := os.environ.get("RETEMPER_TEST_MLFLOW"):
        yield given
        return
    place = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    words += ["--backend-store-uri", f"sqlite:///{place}/db", "--artifacts-destination", str(place / "files")]
    with (place / "log").open("w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(READY_S):
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5)
                break
            except OSError:
                time.sleep(1)
        yield url
    finally:
        os.killpg(process.pid, 15)
        process.wait()


@pytest.fixture
def known(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowRegistry:
    """The server as a registry, with a cache of its own."""
    monkeypatch.setenv("RETEMPER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RETEMPER_REGISTRY", server)
    found = registry()
    assert isinstance(found, MlflowRegistry)
    return found


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """One for each test: the server is shared."""
    return f"{request.node.name[:40]}-{time.time_ns()}"


def aliases(known: MlflowRegistry, name: str) -> dict[str, str]:
    return dict(known._client.get_registered_model(name).aliases)


def predicted(model: str) -> list[str]:
    return list(load(located(model)).predict(X))


@needs_mlflow
def test_a_life_in_mlflow(known: MlflowRegistry, name: str, bundles: list[Path], run: Path) -> None:
    assert known.add(name, bundles[0]).number == 1 and aliases(known, name) == {"champion": "1"}
    added = known.add(name, run, decision=DECISION | {"champion": f"{name}@1"}, note="June")
    assert aliases(known, name) == {"champion": "1", "challenger": "2"}
    assert added == known.life(name).versions[1] and added.lineage.parent == 1
    assert added.lineage.metrics == RESULT["metrics"]["test"]
    assert predicted(name) == ["no", "yes"] and predicted(f"{name}@2") == ["yes", "no"]
    assert known.promote(name, 2, over=1, reason="better").before == 1
    assert aliases(known, name) == {"champion": "2"} and predicted(name) == ["yes", "no"]
    assert known.rollback(name).version == 1 and known.rollback(name).version == 2
    actions = [(change.action, change.version, change.before) for change in known.life(name).changes]
    assert actions == [("add", 1, None), ("promote", 2, 1), ("rollback", 1, 2), ("rollback", 2, 1)]
    assert (
        json.loads((known.fetch(parse(f"{name}@2")) / "decision.json").read_text())["strategy"]
        == "warm_start"
    )
    assert name in known.names()
    logged = known._client.get_run(known._client.get_model_version(name, "2").run_id).data.metrics
    assert logged == {"test.log_loss": 0.31}


@needs_mlflow
def test_what_is_not_there_is_named(
    known: MlflowRegistry, name: str, bundles: list[Path], code_of: CodeOf
) -> None:
    assert code_of(known.life, name) == code_of(known.fetch, parse(name)) == "unknown_model"
    known.add(name, bundles[0])
    assert code_of(known.fetch, parse(f"{name}@2")) == "unknown_version"
    assert code_of(known.promote, name, 2) == "unknown_version"
    assert code_of(known.rollback, name) == "nothing_before"
    known.add(name, bundles[0])
    known.promote(name, 2)
    assert code_of(known.promote, name, 1, over=1) == "champion_changed"
    assert code_of(known.add, "a/b", bundles[0]) == "bad_name"


@needs_mlflow
def test_another_program_moves_the_alias(known: MlflowRegistry, name: str, bundles: list[Path]) -> None:
    for _ in range(3):
        known.add(name, bundles[0])
    known._client.set_registered_model_alias(name, "champion", "3")
    last = known.life(name).changes[-1]
    assert (last.version, last.before) == (3, 1) and "another program" in last.reason
    assert known.rollback(name).version == 1 and known.life(name).in_force == 1
    known._client.delete_registered_model_alias(name, "champion")
    assert known.life(name).in_force is None


@needs_mlflow
def test_a_note_whose_step_never_came_is_passed_over(
    known: MlflowRegistry, name: str, bundles: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        known.add(name, bundles[0])

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(type(known._client), "set_registered_model_alias", killed)
        known.promote(name, 2)
    assert known.life(name).in_force == 1 and len(known.life(name).changes) == 1
    assert known.promote(name, 2).before == 1
    assert [change.version for change in known.life(name).changes] == [1, 2]


@needs_mlflow
def test_what_the_cache_holds_is_checked(
    known: MlflowRegistry, name: str, bundles: list[Path], code_of: CodeOf
) -> None:
    known.add(name, bundles[0])
    kept = known.fetch(parse(name))
    (kept / "model" / "weights.safetensors").write_bytes(b"x")
    assert known.fetch(parse(name)) == kept and predicted(name) == ["no", "yes"]  # fetched anew
    other = known._client.create_run("0").info.run_id  # another program's
    known._client.create_model_version(name, f"runs:/{other}/model", other)
    assert known.life(name).damaged == (2,) and code_of(known.promote, name, 2) == "damaged_version"


@needs_mlflow
def test_a_server_that_is_not_there(code_of: CodeOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert code_of(registry("http://127.0.0.1:9").names) == "registry_refused"


@pytest.mark.skipif(find_spec("mlflow") is not None, reason="MLflow is installed")
@pytest.mark.parametrize("place", ["http://127.0.0.1:9", "mlflow:sqlite:///a.db"])
def test_a_missing_package_is_named(place: str, code_of: CodeOf) -> None:
    assert code_of(registry(place).names) == "missing_package"
