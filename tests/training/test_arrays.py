"""Prepared arrays on disk come back as they were."""

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retemper.core.errors import InputError
from retemper.training import arrays, fold_files
from retemper.training.plan import Rows


@pytest.mark.parametrize(("classes", "class_weight"), [(3, (1.0, 2.0, 0.5)), (0, None)])
def test_arrays_come_back(task_arrays: Any, tmp_path: Path, classes: int, class_weight: Any) -> None:
    data = task_arrays(classes, class_weight)
    arrays.save(data, tmp_path / "new")
    again = arrays.load(tmp_path / "new")
    for name in ("task", "n_classes", "shape", "prior", "class_weight"):
        assert getattr(again, name) == getattr(data, name)
    for split in ("train", "validation"):
        for part in arrays.FIELDS:
            own, loaded = (getattr(getattr(one, split), part) for one in (data, again))
            assert np.array_equal(loaded, own) and loaded.dtype == own.dtype
    assert {path.suffix for path in (tmp_path / "new").iterdir()} == {".npy", ".json"}


@pytest.mark.parametrize("count", [1, 32, 33])
def test_rows_are_padded_to_whole_lanes_with_zeros_of_no_weight(count: int) -> None:
    dense, codes = np.ones((count, 5)), np.ones((count, 2), dtype=np.int16)
    rows = Rows.of(dense, codes, np.ones(count, dtype=np.int64))
    assert rows.count == count and rows.x.dtype == torch.float32 and rows.codes.dtype == torch.int16
    assert rows.x.shape == (64 if count > 32 else 32, 16)
    for tensor in (rows.x, rows.codes, rows.y, rows.weight):
        assert tensor[:count].any() and not tensor[count:].any()
    assert not rows.x[:, 5:].any() and rows.weight.sum() == count
    assert Rows.of(dense, codes, np.ones(count), dtype=torch.float64).y.dtype == torch.float64


@pytest.mark.parametrize("size", [7, 100])
def test_parts_on_disk_are_the_rows_in_memory(task_arrays: Any, tmp_path: Path, size: int) -> None:
    split = task_arrays(3, None).train
    count = len(split.y)
    starts = range(0, count, size)
    parts = [arrays.SplitArrays(*(getattr(split, f)[s : s + size] for f in arrays.FIELDS)) for s in starts]
    assert np.array_equal(arrays.joined(parts).dense, split.dense)
    mapped = arrays.write_split(tmp_path, "train", iter(parts), count).rows()
    own = split.rows()
    for name in ("x", "codes", "y", "weight"):
        one, other = getattr(mapped, name), getattr(own, name)
        assert torch.equal(one, other) and one.dtype == other.dtype
    assert mapped.count == own.count


def test_rows_mapped_from_one_folder_are_written_into_another(task_arrays: Any, tmp_path: Path) -> None:
    # Treatments of labels change one split, and leave the other where an earlier step has put it.
    first = arrays.save(task_arrays(), tmp_path / "one")
    half = replace(first.validation, weight=first.validation.weight / 2)
    arrays.save(replace(first, validation=half), tmp_path / "two")
    again = arrays.load(tmp_path / "two", verify=True)
    for part in arrays.FIELDS:
        assert np.array_equal(getattr(again.train, part), getattr(first.train, part))
        assert np.array_equal(getattr(again.validation, part), getattr(half, part))


def test_changed_rows_are_not_the_ones_on_disk(task_arrays: Any, tmp_path: Path) -> None:
    train = arrays.save(task_arrays(), tmp_path).train
    assert train.mapped is not None
    changed = replace(train, weight=np.zeros_like(train.weight))
    assert changed.mapped is None and not changed.rows().weight.any() and train.rows().weight.any()


PARTS = ["train.dense.npy", "validation.y.npy", "folds.safetensors", "meta.json"]


# Without meta.json nothing was ever saved there: a fault of ours, not damage.
@pytest.mark.parametrize(
    ("name", "damage"),
    [*product(PARTS, ("flipped", "cut")), *((name, "gone") for name in PARTS if name != "meta.json")],
)
def test_damaged_arrays_are_found(task_arrays: Any, tmp_path: Path, name: str, damage: str) -> None:
    arrays.save(task_arrays(), tmp_path)
    fold_files.save_folds(np.arange(6, dtype=np.uint8).reshape(2, 3), tmp_path)
    arrays.load(tmp_path, verify=True)
    assert fold_files.load_folds(tmp_path).tolist() == [[0, 1, 2], [3, 4, 5]]
    place = tmp_path / name
    content = bytearray(place.read_bytes())
    if damage == "gone":
        place.unlink()
    elif damage == "cut":
        place.write_bytes(content[:-5])
    else:
        content[len(content) * 2 // 3] ^= 8
        place.write_bytes(content)
    with pytest.raises(InputError) as caught:
        arrays.load(tmp_path, verify=True)
        fold_files.load_folds(tmp_path)
    assert caught.value.code == "damaged_arrays" and str(place) in caught.value.where_text()
