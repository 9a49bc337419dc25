from __future__ import annotations

import hashlib
import itertools
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vitscope.errors import DamagedError, StoreError
from vitscope.store.arrays import Joined, open_array, read_state, write_array, write_joined, write_state
from vitscope.store.parts import DTYPES

VALUES = st.sampled_from(sorted(DTYPES)).flatmap(
    lambda dtype: hnp.arrays(np.dtype(dtype), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
LAYOUTS = st.sampled_from(["as is", "fortran", "big-endian", "strided"])


def arranged(values: np.ndarray, layout: str) -> np.ndarray:
    """The same numbers, otherwise in memory."""
    if layout == "fortran":
        return np.asfortranarray(values).reshape(values.shape)
    if layout == "big-endian":
        return values.astype(values.dtype.newbyteorder(">"))
    return np.repeat(values[None], 2, axis=0)[::2][0] if layout == "strided" else values


@given(VALUES, LAYOUTS)
def test_an_array_is_read_back_as_it_was(values, layout):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mean.npy"
        info = write_array(path, arranged(values, layout), tuple("abcd"[: values.ndim]), "nat")
        raw = path.read_bytes()
        assert (info.size, info.sha256) == (len(raw), hashlib.sha256(raw).hexdigest())
        assert (info.shape, info.dtype, info.unit) == (values.shape, values.dtype.name, "nat")
        read = open_array(path, info)
        assert read.dtype == values.dtype
        np.testing.assert_array_equal(read, values)
        np.testing.assert_array_equal(np.load(path, allow_pickle=False), values)
        assert not read.flags.writeable


@given(
    st.dictionaries(
        st.text(max_size=8).filter(lambda name: name != "__metadata__"), st.tuples(VALUES, LAYOUTS), max_size=4
    )
)
def test_a_state_is_read_back_as_it_was(state):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "00000-a@1.safetensors"
        stored = write_state(path, {name: arranged(*parts) for name, parts in state.items()})
        raw = path.read_bytes()
        assert (stored.size, stored.sha256) == (len(raw), hashlib.sha256(raw).hexdigest())
        read = read_state(path, stored)
        assert set(read) == set(state)
        for name, (values, _) in state.items():
            assert read[name].dtype == values.dtype
            np.testing.assert_array_equal(read[name], values)


@pytest.mark.parametrize(
    "values", [np.array([{}], object), np.array(["a"]), np.zeros(2, complex), np.zeros(2, "M8[s]")]
)
def test_only_numbers_are_kept(tmp_path, values):
    with pytest.raises(ValueError, match="dtype"):
        write_array(tmp_path / "mean.npy", values, ("a",), "1")
    with pytest.raises(ValueError, match="dtype"):
        write_state(tmp_path / "a", {"a": values})
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_safetensors_keeps_for_itself_is_refused(tmp_path):
    with pytest.raises(ValueError, match="__metadata__"):
        write_state(tmp_path / "a", {"__metadata__": np.zeros(1)})


@pytest.mark.parametrize(
    "change",
    [{"shape": (3, 2)}, {"shape": (6,), "dims": ("a",)}, {"dtype": "int32"}, {"shape": (1 << 40, 3)}, {"size": 999}],
)
def test_an_array_that_is_not_as_its_record_says_is_refused(tmp_path, change):
    path = tmp_path / "mean.npy"
    info = write_array(path, np.zeros((2, 3), np.float32), ("a", "b"), "1")
    with pytest.raises(DamagedError, match=r"mean\.npy is damaged: it (does not hold|has 152 bytes)"):
        open_array(path, replace(info, **change))


def test_a_pickle_in_the_place_of_an_array_is_not_read(tmp_path):
    path = tmp_path / "mean.npy"
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
    info = write_array(tmp_path / "other.npy", np.zeros(4), ("a",), "1")
    with pytest.raises(DamagedError, match="does not hold float64"):
        open_array(path, replace(info, size=path.stat().st_size))


@pytest.mark.parametrize("kind", ["missing", "folder", "link", "cut", "grown", "empty"])
def test_a_file_that_is_none_is_refused(tmp_path, kind):
    path, other = tmp_path / "mean.npy", tmp_path / "other.npy"
    info = write_array(path, np.zeros((2, 3), np.float32), ("a", "b"), "1")
    raw = path.read_bytes()
    path.rename(other)
    match kind:
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(other)
        case "cut" | "grown" | "empty":
            path.write_bytes({"cut": raw[:-1], "grown": raw + b"\0", "empty": b""}[kind])
        case "missing":
            pass
    with pytest.raises(DamagedError, match=r"mean\.npy is (missing|damaged)"):
        open_array(path, info)


def test_a_state_with_another_checksum_or_another_content_is_refused(tmp_path):
    path = tmp_path / "00000-a@1.safetensors"
    stored = write_state(path, {"total": np.zeros(3)})
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(DamagedError, match="checksum"):
        read_state(path, stored)
    for content in (b"x" * 100, b"\xff" * 8, (1 << 60).to_bytes(8, "little") + b"{}", b"\2\0\0\0\0\0\0\0[]"):
        path.write_bytes(content)
        honest = replace(stored, size=len(content), sha256=hashlib.sha256(content).hexdigest())
        with pytest.raises(StoreError, match="is not a safetensors file"):
            read_state(path, honest)


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 5, 4), (2, 3, 5), (0, 5), (2, 0)])
@pytest.mark.parametrize("cuts", [(), (2,), (0, 1, 1, 4, 5)])
def test_parts_are_joined_as_numpy_joins_them(tmp_path, shape, cuts):
    for axis in range(len(shape)):
        values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        edges = [min(cut, shape[axis]) for cut in (0, *cuts, shape[axis])]
        parts = [np.take(values, range(a, b), axis) for a, b in itertools.pairwise(edges)]
        dims = tuple("abc"[: len(shape)])
        info = write_joined(tmp_path / "joined.npy", Joined(iter(parts), axis, shape, "float32", dims, "1"))
        same = write_array(tmp_path / "same.npy", values, dims, "1")
        assert replace(info, file="same.npy") == same
        assert (tmp_path / "joined.npy").read_bytes() == (tmp_path / "same.npy").read_bytes()


@pytest.mark.parametrize("parts", [[np.zeros((2, 2))], [np.zeros((2, 4))], [np.zeros((2, 3), np.float32)], []])
def test_parts_that_do_not_fill_an_array_are_refused(tmp_path, parts):
    with pytest.raises(ValueError, match="parts of"):
        write_joined(tmp_path / "joined.npy", Joined(parts, 1, (2, 3), "float64", ("a", "b"), "1"))
    assert list(tmp_path.iterdir()) == []
