"""A bundle is JSON and numbers, comes back to the same bits, and says so when it can't."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from retemper.bundle.load import load
from retemper.bundle.model import network_of
from retemper.core.errors import InputError


@pytest.mark.parametrize("target", ["words", "integers", "booleans", "numbers"])
@pytest.mark.parametrize("loss", ["auto", "own"])
def test_a_bundle_predicts_the_same_bits(
    table: Any, model_for: Any, tmp_path: Path, target: str, loss: str
) -> None:
    frame = table(target=target)
    own = {"words": "cross_entropy", "numbers": "huber"}.get(target, "binary_cross_entropy")
    temperature = 1.0 if target == "numbers" else 1.7
    model = model_for(frame, temperature, **{"training.loss": own if loss == "own" else "auto"})
    assert model.save(tmp_path / "new" / "model") == tmp_path / "new" / "model"
    for place in (tmp_path / "new" / "model", str(tmp_path / "new")):
        again = load(place)
        assert np.array_equal(again.outputs(frame), model.outputs(frame))
        assert again.predict(frame).tolist() == model.predict(frame).tolist()
        for name in ("schema", "recipe", "temperature", "classes", "task", "shape"):
            assert getattr(again, name) == getattr(model, name), name
        assert again.preparer.to_json() == model.preparer.to_json()
        assert again.target_codec.to_json() == model.target_codec.to_json()


def test_a_bundle_holds_json_and_the_networks_true_shapes(table: Any, model_for: Any, tmp_path: Path) -> None:
    model = model_for(table())
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle.json", "weights.safetensors"]
    facts = json.loads((tmp_path / "bundle.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert facts["schema"] == 4 and [network["weight"] for network in facts["networks"]] == [0.5, 0.3, 0.2]
    tensors = load_file(tmp_path / "weights.safetensors")
    expected = {
        f"network_{k}.{parameter.name}": parameter.shape
        for k, part in enumerate(model.parts)
        for parameter in network_of(part.model, model.shape, len(model.classes)).parameters
    }
    assert {name: tensor.shape for name, tensor in tensors.items()} == expected
    assert {str(tensor.dtype) for tensor in tensors.values()} == {"float32"}
    first = (tmp_path / "bundle.json").read_bytes()
    model.save(tmp_path)
    assert (tmp_path / "bundle.json").read_bytes() == first


Damage = Callable[[Path], object]


def edit(change: Callable[[dict[str, Any]], object]) -> Damage:
    """bundle.json with one thing changed, and a checksum that goes with it."""

    def damage(folder: Path) -> None:
        facts = json.loads((folder / "bundle.json").read_text())
        change(facts)
        facts.pop("sha256")
        facts["sha256"] = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
        (folder / "bundle.json").write_text(json.dumps(facts))

    return damage


def write(name: str, content: bytes) -> Damage:
    return lambda folder: (folder / name).write_bytes(content)


def flip_a_bit(folder: Path) -> None:
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-5] ^= 1
    (folder / "weights.safetensors").write_bytes(content)


def flip_a_digit(folder: Path) -> None:
    """Another scale of the numbers: well-formed, and wrong."""
    facts = json.loads((folder / "bundle.json").read_text())
    facts["preparer"]["code"]["scaler"]["center"][0] += 1.0
    (folder / "bundle.json").write_text(json.dumps(facts))


DAMAGES: dict[str, tuple[Damage, str]] = {
    "a bit of the weights": (flip_a_bit, "damaged_bundle"),
    "weights cut": (write("weights.safetensors", b"\x00" * 7), "damaged_bundle"),
    "no weights": (lambda folder: (folder / "weights.safetensors").unlink(), "damaged_bundle"),
    "a digit of bundle.json": (flip_a_digit, "damaged_bundle"),
    "no number in bundle.json": (
        edit(lambda facts: facts.update(temperature=float("nan"))),
        "damaged_bundle",
    ),
    "bundle.json cut": (write("bundle.json", b'{"schema": 3, "ta'), "damaged_bundle"),
    "bundle.json of another form": (write("bundle.json", b"[1, 2]"), "damaged_bundle"),
    "bundle.json in other bytes": (write("bundle.json", b"\xff\xfe\x00"), "damaged_bundle"),
    "no preparer": (edit(lambda facts: facts.pop("preparer")), "damaged_bundle"),
    "columns of another form": (edit(lambda facts: facts.update(columns=[1])), "damaged_bundle"),
    "another width": (edit(lambda facts: facts["networks"][0]["model"].update(width=64)), "damaged_bundle"),
    "another network": (edit(lambda facts: facts["networks"][2]["model"].update(name="x")), "damaged_bundle"),
    "no networks": (edit(lambda facts: facts.update(networks=[])), "damaged_bundle"),
    "another version": (edit(lambda facts: facts.update(schema=99)), "other_version"),
    "no memory": (edit(lambda facts: facts.pop("memory")), "damaged_bundle"),
    "no version": (edit(lambda facts: facts.pop("schema")), "other_version"),
    "no bundle.json": (lambda folder: (folder / "bundle.json").unlink(), "no_model"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told(table: Any, model_for: Any, tmp_path: Path, damage: str) -> None:
    model_for(table()).save(tmp_path)
    harm, code = DAMAGES[damage]
    harm(tmp_path)
    with pytest.raises(InputError) as caught:
        load(tmp_path)
    assert caught.value.code == code and caught.value.exit_code == 2
    assert str(tmp_path) in caught.value.where_text() and caught.value.hint


def test_there_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(InputError) as caught:
            load(place)
        assert caught.value.code == "no_model"


def test_a_place_that_cant_be_written(table: Any, model_for: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError) as caught:
        model_for(table()).save(tmp_path / "file" / "model")
    assert caught.value.code == "cannot_write"
