"""A sealed file is read as it was written, or not at all."""

from pathlib import Path

import numpy as np
import pytest
import torch

from retemper.training import sealed

TENSORS = {
    "rows": torch.arange(6, dtype=torch.float32).view(2, 3),
    "codes": torch.tensor([7, -1]),
    "none": torch.zeros((0, 0), dtype=torch.float64),
    "one": torch.tensor(0.5),
}


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    transposed = {**TENSORS, "turned": TENSORS["rows"].T}
    sealed.write(tmp_path / "file", transposed, {"epoch": 3, "loss": float("nan")})
    saved = sealed.read(tmp_path / "file")
    assert saved is not None and saved[0] == {"epoch": 3, "loss": None}
    assert set(saved[1]) == set(transposed)
    for name, tensor in transposed.items():
        assert saved[1][name].dtype == tensor.dtype and torch.equal(saved[1][name], tensor)


def test_no_flipped_bit_passes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    sealed.write(path, TENSORS, {"epoch": 3})
    content = path.read_bytes()
    draws = np.random.default_rng(0)
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(draws.integers(8))
        path.write_bytes(flipped)
        saved = sealed.read(path)
        # A bit of the header's padding, or of the order of its keys, may change nothing that is read.
        assert saved is None or _same(saved), f"byte {place}"


def _same(saved: tuple[dict[str, object], dict[str, torch.Tensor]]) -> bool:
    facts, tensors = saved
    return facts == {"epoch": 3} and all(torch.equal(tensors[name], own) for name, own in TENSORS.items())


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.99])
def test_a_cut_file_is_none(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "file"
    sealed.write(path, TENSORS, {})
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    assert sealed.read(path) is None
    path.unlink()
    assert sealed.read(path) is None
