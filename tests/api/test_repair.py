"""``retemper.repair`` on small networks of a person's own."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

import retemper
from retemper.core.recipe import Recipe

DRAW = torch.Generator().manual_seed(0)
X = torch.randn(160, 4, generator=DRAW)
CODES = (X[:, 0] * X[:, 1] > 0).long()
PLAN = {
    "training.epochs": 20,
    "training.batch_size": 32,
    "training.optimizer": {"name": "adam", "learning_rate": 0.02},
}


def healthy() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 2))


def squashed() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 1), nn.Softmax(1))


@pytest.fixture(scope="module")
def done() -> Any:
    return retemper.repair(squashed, PLAN, (X, CODES[:, None].float()), loss=nn.BCELoss())


def test_a_fault_is_named_mended_and_proved(done: Any) -> None:
    right = ((done.model(X)[:, 0] > 0.5).long() == CODES).float().mean()
    assert right > 0.9 and done.kept[0] == "right_head" and not done.model.training
    assert done.proof.kept and done.proof.low > 0 and done.message == done.proof.message
    found = {finding.code: finding for finding in done.findings}
    assert found["single_unit_softmax"].outcome.remedy == "right_head"
    assert found["single_unit_softmax"].outcome.verdict == "kept"


def test_the_budget_holds_and_the_table_tells_what_was_tried(done: Any) -> None:
    table = done.table
    assert (
        table["stage"][0] == "original" and table["remedies"][0] == "" and "proof" in table["stage"].to_list()
    )
    assert done.runs == pytest.approx(table["runs"].sum())
    assert 5 < done.runs <= 10
    proof = table.filter(pl.col("stage") == "proof")
    assert proof.height >= 6 and not set(proof["member"]) & {0}, "seeds of the proof chose nothing"


def test_it_comes_out_the_same_again_and_leaves_the_generators(done: Any) -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    again = retemper.repair(squashed, PLAN, (X, CODES[:, None].float()), loss=nn.BCELoss())
    assert torch.equal(torch.get_rng_state(), state)
    assert again.table.equals(done.table) and torch.equal(again.model(X), done.model(X))


def test_noise_keeps_the_original() -> None:
    """Labels that follow from nothing: whatever is tried must not be kept."""
    y = torch.randint(0, 2, (160,), generator=DRAW)
    kept = [
        retemper.repair(healthy, PLAN, (X, y), loss=nn.CrossEntropyLoss(), seed=seed, budget=6).kept
        for seed in (0, 1)
    ]
    assert kept.count(()) >= 1


def by_hand(make: Any, loss: Any, rows: tuple[Tensor, Tensor], seed: int) -> nn.Module:
    """The loop that a person would write for ``PLAN``."""
    x, y = rows
    torch.manual_seed(seed)
    network = make()
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    network.train()
    for _ in range(20):
        for part in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            loss(network(x[part]), y[part]).backward()
            optimizer.step()
    return network.eval()  # type: ignore[no-any-return]


def dropping() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Dropout(0.3), nn.Linear(24, 2))


@pytest.mark.parametrize("make", [healthy, dropping])
@pytest.mark.parametrize("count", [129, 160, 40], ids=["a last batch of one row", "even", "too few to split"])
def test_where_nothing_is_kept_the_original_is_what_a_plain_loop_trains(make: Any, count: int) -> None:
    rows = (X[:count], CODES[:count])
    loss = nn.CrossEntropyLoss()
    done = retemper.repair(make, PLAN, rows, loss=loss, seed=3, budget=1.9)
    assert done.kept == () and not done.model.training
    torch.manual_seed(9)
    state = torch.get_rng_state()
    assert torch.equal(done.model(X), by_hand(make, loss, rows, 3)(X))
    told = retemper.repair(make, {**PLAN, "seed": 3}, rows, loss=loss, budget=1.9)
    assert torch.equal(told.model(X), done.model(X)), "the recipe's seed holds where none is given"
    torch.manual_seed(9)
    assert torch.equal(torch.get_rng_state(), state)


def test_an_original_that_stops_early_comes_back_with_the_rows_it_stopped_by() -> None:
    plan = {**PLAN, "training.patience_epochs": 3, "training.optimizer.learning_rate": 0.1}
    done = retemper.repair(healthy, plan, (X, CODES), loss=nn.CrossEntropyLoss(), budget=1.9)
    assert done.kept == () and done.table["stage"].to_list() == ["original"]


def test_a_recipe_file_a_nested_mapping_and_a_recipe_mean_the_same(tmp_path: Path) -> None:
    from retemper.api.repair_inputs import recipe_and_loss

    file = tmp_path / "recipe.yaml"
    file.write_text("training: {epochs: 7, optimizer: {name: sgd, learning_rate: 0.5}}")
    nested = {"training": {"epochs": 7, "optimizer": {"name": "sgd", "learning_rate": 0.5}}}
    flat = {"training.epochs": 7, "training.optimizer.name": "sgd", "training.optimizer.learning_rate": 0.5}
    trainings = [recipe_and_loss(given)[0].training for given in (file, str(file), nested, flat)]
    assert all(each == trainings[0] for each in trainings)
    assert (
        trainings[0].epochs == 7
        and trainings[0].schedule.name == "constant"
        and trainings[0].patience_epochs == 0
    )
    whole = Recipe().with_changes(nested)
    assert recipe_and_loss(whole)[0].training == whole.training
    own = nn.HuberLoss()
    assert recipe_and_loss({"training.loss": own})[1] is own


@pytest.mark.parametrize(
    ("recipe", "data", "options", "says"),
    [
        ({"training.epocs": 3}, (X, CODES), {}, "epochs"),
        ({"training.initialiser": "he"}, (X, CODES), {}, "doesn't read it"),
        ({"split.test": 0.1}, (X, CODES), {}, "doesn't read it"),
        ("nowhere.yaml", (X, CODES), {}, "no recipe"),
        (3, (X, CODES), {}, "mapping"),
        ({}, (X, CODES[:9]), {}, "same number of rows"),
        ({}, {"a": [1.0, 2.0], "b": ["x", "y"], "y": [0, 1]}, {"target": "y"}, "no numbers"),
        ({}, {"a": [1.0, 2.0]}, {"target": "y"}, "no column"),
        ({}, (X, CODES), {"task": "ranking"}, "task must be"),
        ({}, (X, CODES), {"budget": 1}, "budget > 1"),
    ],
)
def test_what_is_wrong_is_said(recipe: Any, data: Any, options: Any, says: str) -> None:
    with pytest.raises(retemper.InputError, match=says):
        retemper.repair(healthy, recipe, data, **options)


def test_tables_arrays_and_named_losses() -> None:
    from retemper.api.repair_inputs import first_outputs, named_loss, recipe_and_loss, rows_of

    frame = pl.DataFrame({"a": [1, 2, 3], "b": [0.5, 0.25, 0.125], "y": ["no", "yes", "no"]})
    rows = rows_of(frame, "y")
    assert rows.x.dtype == torch.float32 and rows.y.tolist() == [0, 1, 0]
    assert rows_of((np.ones((3, 2)), np.zeros(3)), None).x.dtype == torch.float32
    tree = recipe_and_loss({})[0]
    x = torch.rand(8, 4)

    def loss_of(network: nn.Module, task: Any) -> Any:
        return named_loss(tree, task, first_outputs(network, rows_of((x, torch.zeros(8)), None)))

    assert loss_of(healthy(), "classification").outputs_are == "logits"
    assert loss_of(nn.Sequential(healthy(), nn.Softmax(1)), "classification").outputs_are == "probabilities"
    assert loss_of(squashed(), "classification").outputs_are == "probabilities"
    named = recipe_and_loss({"training.loss": "mae"})[0]
    assert isinstance(named_loss(named, "regression", None), nn.L1Loss)


class Two(nn.Module):
    """Two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return self.b(torch.relu(self.a(x) + z))


def test_several_inputs() -> None:
    rows = (X, X[:, :1] * X[:, 1:2])
    short = {**PLAN, "training.epochs": 10, "training.optimizer": {"name": "sgd", "learning_rate": 1e-5}}
    mended = retemper.repair(Two, short, (rows, CODES), loss=nn.CrossEntropyLoss())
    assert mended.model(*rows).shape == (160, 2)
    assert mended.kept and float((mended.model(*rows).argmax(1) == CODES).float().mean()) > 0.7
