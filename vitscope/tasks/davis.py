"""DAVIS-2017: the first frame's objects followed through a film by the likeness of tokens (paper section 6.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from vitscope.data import davis as reader
from vitscope.data.pixels import Unreadable, decode
from vitscope.errors import DataError, TaskError
from vitscope.models.backbone import Backbone
from vitscope.spec import slug
from vitscope.tasks import Array, Asked, Measured, Option, Outcome, State, dense
from vitscope.tasks.davis_score import Truth, objects, score, statistics
from vitscope.tasks.propagation import Propagation, decide, first_mask

FEWEST = 3  # frames of a film: the first and the last are not scored


class Davis:
    """J and F of every layer; a unit is a sequence, and each of its frames goes through the model once."""

    version: ClassVar[int] = 1
    best: ClassVar[tuple[str, str]] = ("jf", "max")
    options: ClassVar[Mapping[str, Option]] = {
        "sequences": Option((), "only these sequences, by name"),
        "masks": Option("", "a folder to write the masks to, as palette PNGs: MODEL/layer-NN/SEQUENCE/FRAME.png"),
    }

    def __init__(self, asked: Asked) -> None:
        """Read and check the tree; raises DataError: what is missing, or a film too short to be scored; UnknownName.

        TaskError for --per-class, since videos have no classes, and for a limit without a sequence.
        """
        if asked.per_class is not None:
            raise TaskError("--per-class: videos of DAVIS have no classes; use --limit for fewer videos.")
        if asked.limit is not None and asked.limit < 1:
            raise TaskError(f"--limit {asked.limit} keeps no sequence: it must be at least 1.")
        self._sequences = reader.read(asked.root, sequences=asked.options.get("sequences") or None)[: asked.limit]
        for sequence in self._sequences:
            if len(sequence.frames) < FEWEST:
                raise DataError(
                    f"{asked.root}: the video {sequence.name} has {len(sequence.frames)} frames; the first and the "
                    f"last are not scored, so it needs {FEWEST}."
                )
        self._paper = asked.protocol == "paper"
        self._masks = Path(asked.options["masks"]) if asked.options.get("masks") else None
        self.units: Sequence[str] = [sequence.name for sequence in self._sequences]
        self.dataset = f"{reader.folder(asked.root).name}-val"
        self.fingerprint = reader.fingerprint(self._sequences)
        self.settings: dict[str, Any] = {
            "sequences": list(self.units),
            "channels": "as many as the small first mask needs" if self._paper else "one for every object",
        }
        self.notes: tuple[str, ...] = reader.notes(self._sequences)

    def measure(self, unit: int, model: Backbone) -> Measured:
        """J and F of every layer, object and scored frame of a video, float64 (layer, object, frame) each.

        A video with a frame or mask that cannot be used is left out as a whole.
        """
        sequence = self._sequences[unit]
        try:
            with model.timed("decode"):
                truths = _truths(sequence)
            count = objects(truths[0])
            j, f = (np.zeros((model.layers, count, len(truths) - 2)) for _ in range(2))
            for time, masks in enumerate(self._follow(sequence, truths[0], model)):
                if 0 < time < len(truths) - 1:
                    regions = [Truth.of(truths[time] == thing + 1) for thing in range(count)]
                    for layer, mask in enumerate(masks):
                        j[layer, :, time - 1], f[layer, :, time - 1] = score(mask, regions)
        except (Unreadable, DataError) as error:
            empty = np.zeros((model.layers, 0, len(sequence.frames) - 2))
            return Measured({"j": empty, "f": empty}, ((sequence.name, str(error)),))
        return Measured({"j": j, "f": f})

    def _follow(self, sequence: reader.Sequence, truth: np.ndarray, model: Backbone) -> Iterator[list[np.ndarray]]:
        """The masks of all layers, uint8 (H, W) each, frame after frame; the first is the ground truth."""
        channels = None if self._paper else objects(truth) + 1
        layers: list[Propagation] = []
        masks: list[np.ndarray] = []
        for path in sequence.frames:
            with model.timed("decode"):
                picture = decode(path, orient=False)
            if picture.size != truth.shape[::-1]:
                raise Unreadable(
                    f"{path.name} has {_pixels(picture.size)} pixels, its mask {_pixels(truth.shape[::-1])}"
                )
            tokens = dense.features(model, picture)
            if not layers:
                small = torch.from_numpy(first_mask(truth, tokens[0].shape[0], tokens[0].shape[1], channels)).to(
                    model.device
                )
                layers = [Propagation(layer, small) for layer in tokens]
                masks = [truth] * len(layers)
            else:
                soft = [state.step(layer) for state, layer in zip(layers, tokens, strict=True)]
                masks = [decide(mask, model.geometry.patch, truth.shape) for mask in soft]
            self._write(sequence.name, path, masks, model)
            yield masks

    def _write(self, sequence: str, frame: Path, masks: list[np.ndarray], model: Backbone) -> None:
        """The masks of all layers as PNG files, if a folder for them was given; raises TaskError."""
        if self._masks is None:
            return
        for layer, mask in enumerate(masks):
            folder = self._masks / slug(model.model.name) / f"layer-{layer + 1:02d}" / sequence
            try:
                folder.mkdir(parents=True, exist_ok=True)
                reader.write_mask(folder / f"{frame.stem}.png", mask)
            except OSError as error:
                raise TaskError(f"--masks: cannot write to {folder} ({error.strerror}).") from None

    def compute(self, states: Iterable[State]) -> Outcome:
        """J, F and J&F of every layer: the mean over frames, then over all objects of all sequences."""
        used = [(name, state) for name, state in zip(self.units, states, strict=True) if state["j"].shape[1]]
        if not used:
            raise DataError(f"none of the {len(self.units)} videos could be used, or none has an object to follow.")
        arrays = {}
        for measure in ("j", "f"):
            rows = [_statistics(row) for _, state in used for row in np.swapaxes(state[measure], 0, 1)]
            values = np.stack(rows, 1)  # (layer, object, statistic)
            arrays[f"{measure}-object"] = Array(values[..., 0], ("layer", "object"), "1")
            for place, name in enumerate((measure, f"{measure}-recall", f"{measure}-decay")):
                arrays[name] = Array(values[..., place].mean(1), ("layer",), "1")
        arrays["jf"] = Array((arrays["j"].values + arrays["f"].values) / 2, ("layer",), "1")
        things = [f"{name}/{thing + 1}" for name, state in used for thing in range(state["j"].shape[1])]
        return Outcome(arrays, sum(state["j"].shape[2] for _, state in used), {"object": things})


def _truths(sequence: reader.Sequence) -> list[np.ndarray]:
    """The masks of a video, uint8 (H, W) each, void as background; raises DataError where one has another size."""
    truths = [reader.read_mask(path) for path in sequence.masks]
    for path, truth in zip(sequence.masks, truths, strict=True):
        if truth.shape != truths[0].shape:
            sizes = _pixels(truth.shape[::-1]), _pixels(truths[0].shape[::-1])
            raise DataError(f"the mask {path.name} has {sizes[0]} pixels, the first one {sizes[1]}")
        truth[truth == reader.VOID] = 0
    return truths


def _pixels(size: tuple[int, ...]) -> str:
    return f"{size[0]} × {size[1]}"


def _statistics(values: np.ndarray) -> np.ndarray:
    """(layer, frame) of one object → (layer, 3): mean, recall, decay."""
    return np.array([statistics(row) for row in values])
