"""RunWriter: what an extraction calls. Every file becomes visible whole, and the record that names it comes last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from vitscope.errors import DamagedError, FormatError, StoreError
from vitscope.spec import Spec
from vitscope.store.arrays import (
    Joined,
    check_bytes,
    check_size,
    read_state,
    storable,
    write_array,
    write_joined,
    write_state,
)
from vitscope.store.files import damaged, discard, make_folder, present, read_json, write_json
from vitscope.store.folders import metric_folders
from vitscope.store.layout import RESULT, RUN, SHARDS, is_name, metric_key, record_file, split_key, state_file
from vitscope.store.parts import (
    ArrayInfo,
    Committed,
    ResultParts,
    ShardState,
    as_json,
    parse,
    result_of,
    rows_of,
    spec_of,
    states_of,
)
from vitscope.store.reader import load_result
from vitscope.store.text import shown

_OWN_FACTS = frozenset({"format", "spec", "key", "sha256"})


@dataclass(frozen=True)
class Measured:
    """One array of a result: values, one name per axis, the unit ("1" for none)."""

    values: np.ndarray
    dims: tuple[str, ...]
    unit: str


class RunWriter:
    """Writes one run. Hold `lock(cache / spec.folder)` first; other ranks of the same extraction may write beside it.

    `facts` is what run.json holds besides the spec. Facts of an earlier start of the same run win over those given.
    A folder whose run.json is lost begins anew, since nothing says how the rest was measured; `lost` is then the
    sentence that says so, else "". StoreError when the folder cannot be written, FormatError when it is not ours.
    """

    def __init__(self, cache: Path, spec: Spec, facts: Mapping[str, Any]) -> None:
        self.folder = cache / spec.folder
        self.facts: dict[str, Any] = {}
        self._spec = spec
        self._first = dict(facts)
        self._shards = self.folder / SHARDS
        self.lost = ""
        make_folder(self.folder)
        if (stored := self._stored()) is None:
            self._forget()
            self.update(**facts)
            return
        if parse(self.folder / RUN, spec_of, stored.get("spec")) != spec:
            raise StoreError(
                f"{shown(self.folder)} holds another run, with another spec in {RUN}: choose another folder with "
                "--cache, or remove it with `vitscope cache remove`."
            )
        self.facts = {name: value for name, value in stored.items() if name not in _OWN_FACTS}

    def _stored(self) -> dict[str, Any] | None:
        """What run.json says; None where it does not say anything, with `lost` set if something is left of a run."""
        path = self.folder / RUN
        left, what = present(self._shards) or bool(metric_folders(self.folder)), "missing"
        try:
            if present(path):  # asked last: another process begins with run.json
                return read_json(path)
        except DamagedError:
            if not path.is_file():  # a folder of that name, which is not ours to replace
                raise
            left, what = True, "damaged"
        if left:
            self.lost = f"{shown(path)} is {what}, and nothing else says how the run was measured: it begins anew"
        return None

    def update(self, **facts: Any) -> None:
        """Change facts and rewrite run.json; StoreError, and ValueError for the names that the cache itself uses."""
        if taken := sorted(_OWN_FACTS & set(facts)):
            raise ValueError(f"{taken[0]!r} is a field of the cache itself")
        self.facts = {**self.facts, **as_json(facts)}
        own = {"key": self._spec.key, "spec": self._spec.to_json()}
        write_json(self.folder / RUN, {**own, **self.facts})

    def finished(self, metric: str, version: int) -> bool:
        """Whether the result of this version is there, and every byte of it as it was written."""
        folder = self.folder / metric_key(metric, version)
        if not present(folder / RESULT):
            return False
        try:
            load_result(folder).prove()
        except (DamagedError, FormatError):
            return False
        return True

    def shard_metrics(self, shard: int) -> dict[str, ShardState]:
        """What is committed for a shard, by metric key ("distance@1"); {} if it has no record that can be trusted."""
        return {key: part.state for key, part in self._committed(shard).items()}

    def _committed(self, shard: int) -> dict[str, Committed]:
        record = self._record(shard)
        return {} if record is None else self._usable(shard, record)

    def shard_record(self, shard: int) -> dict[str, Any] | None:
        """The record given to `put_shard`, None if the shard has none that can be trusted."""
        record = self._record(shard)
        return None if record is None else record["record"]

    def kept_record(self, shard: int) -> dict[str, Any]:
        """The same of a shard that has been committed; DamagedError if it is lost since."""
        record = self.shard_record(shard)
        if record is None:
            raise damaged(self._shards / record_file(shard), "it is not there any more, or not as it was written")
        return record

    def put_shard(
        self,
        shard: int,
        states: Mapping[str, Mapping[str, np.ndarray]],
        record: Mapping[str, Any],
        rows: Mapping[str, Mapping[str, Measured]] = MappingProxyType({}),
    ) -> None:
        """Commit the states of one shard by metric key, beside those committed before; the record is replaced.

        `rows` are arrays of a metric's result that are too large to be put together: they are written where the result
        will be, one file a shard, and `put_result` only has to name them. A state that is measured again is first taken
        out of the record, so that no record ever names a file that is being replaced. Raises StoreError, ValueError for
        a name or dtype that the cache does not hold.
        """
        for key, state in states.items():
            metric_key(*(split_key(key) or (key, 0)))
            for values in (*state.values(), *(array.values for array in rows.get(key, {}).values())):
                storable(values)
        make_folder(self._shards, linked=False)
        before = self._committed(shard)
        kept = {key: part for key, part in before.items() if key not in states}
        if len(kept) < len(before):
            self._commit(shard, kept, record)
        new = {
            key: Committed(
                write_state(self._shards / state_file(shard, key), state), self._put_rows(shard, key, rows.get(key, {}))
            )
            for key, state in states.items()
        }
        self._commit(shard, {**kept, **new}, record)

    def _put_rows(self, shard: int, key: str, arrays: Mapping[str, Measured]) -> dict[str, ArrayInfo]:
        """Write arrays of a result; what its record must say, by the name that the result gives each."""
        if names := {f"{name}-{shard:05d}": array for name, array in arrays.items()}:
            make_folder(self.folder / key)
        return {
            name: write_array(self.folder / key / f"{name}.npy", array.values, array.dims, array.unit)
            for name, array in names.items()
        }

    def shard_state(self, shard: int, key: str) -> dict[str, np.ndarray]:
        """The committed arrays of one metric of a shard; DamagedError if there are none or their checksum differs."""
        stored = self._part(shard, key).state
        return read_state(self._shards / stored.file, stored)

    def check_rows(self, shard: int, key: str) -> None:
        """Read every byte of the rows of one metric of a shard; DamagedError if a checksum differs."""
        for info in self._part(shard, key).rows.values():
            check_bytes(self.folder / key / info.file, info)

    def _part(self, shard: int, key: str) -> Committed:
        part = self._committed(shard).get(key)
        if part is None:
            raise damaged(self._shards / record_file(shard), f"it names no whole state of {key}")
        return part

    def put_result(
        self,
        metric: str,
        version: int,
        arrays: Mapping[str, Measured | Joined],
        images: int,
        coords: Mapping[str, list[str]],
        shards: Iterable[int] = (),
    ) -> None:
        """Write a metric's arrays, then its result.json. An older result of the same version disappears first.

        `images` is the number of images behind the numbers; `coords` names the places along a dim, where they have
        names (classes, file names). `shards` are those whose rows belong to the result (then an older result must
        have been dropped before the first of them was written). Raises StoreError, DamagedError for a shard that has no
        record, ValueError where dims, shapes and labels do not fit together.
        """
        key = metric_key(metric, version)
        for name, array in arrays.items():
            shape = array.shape if isinstance(array, Joined) else storable(array.values).shape
            if not is_name(name) or len(array.dims) != len(shape):
                raise ValueError(f"{key} array {name!r}: dims {array.dims} for shape {shape}")
        folder = self.folder / key
        infos = {name: info for shard in shards for name, info in self._part(shard, key).rows.items()}
        if not infos:
            self.drop_result(metric, version)
        make_folder(folder)
        infos |= {
            name: write_joined(folder / f"{name}.npy", array)
            if isinstance(array, Joined)
            else write_array(folder / f"{name}.npy", array.values, array.dims, array.unit)
            for name, array in arrays.items()
        }
        fields = asdict(
            ResultParts(metric, version, images, infos, {dim: list(names) for dim, names in coords.items()})
        )
        result_of(as_json(fields))
        write_json(folder / RESULT, fields)

    def drop_shards(self) -> None:
        """Remove the states and records of all shards: in one step, so that there is no half of them."""
        discard(self._shards)

    def drop_result(self, metric: str, version: int) -> None:
        """Remove the result of one version of a metric, in one step."""
        discard(self.folder / metric_key(metric, version))

    def drop_damaged(self, metric: str, version: int) -> None:
        """Remove a result that is there but not whole, with its rows; keep rows that wait for their result."""
        if present(self.folder / metric_key(metric, version) / RESULT) and not self.finished(metric, version):
            self.drop_result(metric, version)

    def restart(self) -> None:
        """Begin anew: no shard and no result, of all metrics and versions, then facts as given to the constructor.

        Cut short it leaves an unfinished run, whose facts still belong to the results that it still has.
        """
        self.update(finished=None)
        self._forget()
        self.facts = {}
        self.update(**self._first)

    def _forget(self) -> None:
        """Remove all shards and results."""
        self.drop_shards()
        for folder in metric_folders(self.folder):
            discard(folder)

    def _commit(self, shard: int, parts: Mapping[str, Committed], record: Mapping[str, Any]) -> None:
        fields = {
            "shard": shard,
            "key": self._spec.key,
            "record": dict(record),
            "states": {key: asdict(part.state) for key, part in parts.items()},
            "rows": {
                key: {n: asdict(info) for n, info in part.rows.items()} for key, part in parts.items() if part.rows
            },
        }
        write_json(self._shards / record_file(shard), fields)

    def _record(self, shard: int) -> dict[str, Any] | None:
        """A shard's record if it is whole and of this run, else None: then the shard is measured again."""
        path = self._shards / record_file(shard)
        if not present(path):
            return None
        try:
            fields = read_json(path)
        except (DamagedError, FormatError):
            return None
        ours = fields.get("shard") == shard and fields.get("key") == self._spec.key
        return fields if ours and isinstance(fields.get("record"), dict) else None

    def _usable(self, shard: int, record: dict[str, Any]) -> dict[str, Committed]:
        """The parts of a record whose files are there in their size."""
        usable, path = {}, self._shards / record_file(shard)
        try:
            stored = parse(path, states_of, record.get("states"))
            rows = parse(path, rows_of, record.get("rows", {}))
        except DamagedError:
            return {}
        for key, state in stored.items():
            part = Committed(state, rows.get(key, {}))
            try:
                check_size(self._shards / state.file, state.size)
                for info in part.rows.values():
                    check_size(self.folder / key / info.file, info.size)
            except DamagedError:
                continue
            usable[key] = part
        return usable
