"""One shard's pass: images through the model, attention through the metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vitscope.batch import Batch, Features, Images
from vitscope.errors import ModelError
from vitscope.metrics import Metric, OfAttention, OfFeatures, Setting
from vitscope.models.build import Loaded
from vitscope.models.tap import Piece, Sink, tap
from vitscope.run import loader
from vitscope.run.plan import Plan
from vitscope.run.stages import Stopwatch

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Pass:
    """The sums of one shard while it is measured; `watch` is told how long each stage takes.

    Where no metric of attention is among them the model's own kernels run, which are faster and round differently:
    features differ in their last digits.
    """

    def __init__(
        self,
        metrics: dict[str, type[Metric]],
        model: Loaded,
        setting: Setting,
        plan: Plan,
        watch: Stopwatch | None = None,
    ) -> None:
        self.metrics: dict[str, Any] = {name: metric(setting) for name, metric in metrics.items()}
        self._of_attention: list[OfAttention] = [one for one in self.metrics.values() if not hasattr(one, "at")]
        self._of_features: dict[str, list[OfFeatures]] = {}
        for one in self.metrics.values():
            for place in getattr(one, "at", ()):
                self._of_features.setdefault(place, []).append(one)
        self.skipped: list[loader.Skipped] = []
        self.lost: frozenset[int] = frozenset()  # places of the skipped files that were there when they were listed
        self._model, self._setting, self.plan = model, setting, plan
        self._watch = watch or Stopwatch(setting.device)
        like = next(model.module.parameters())
        self._mean = torch.tensor(model.mean, device=like.device).reshape(3, 1, 1)
        self._std = torch.tensor(model.std, device=like.device).reshape(3, 1, 1)
        self._dtype = like.dtype

    def run(self, loaded: loader.Loaded) -> None:
        """Add the images of one forward pass."""
        self.skipped += loaded.skipped
        self.lost |= loaded.lost
        if loaded.images is None:
            return
        with self._watch.stage("copy"):
            images, pixels = self._on_device(loaded.images), self._normalised(loaded.images.pixels)

        def add(piece: Piece) -> None:
            batch = Batch(
                geometry=self._setting.geometry,
                layer=piece.layer,
                attention_BHQT=piece.attention_BHQT,
                logits_BHQT=piece.logits_BHQT,
                start=piece.start,
                images=images,
                group=piece.images,
            )
            with self._watch.stage("metrics"):
                for metric in self._of_attention:
                    metric.add(batch)

        heads = self._setting.geometry.heads
        attention = add if self._of_attention else None
        places = {place: self._looking(place, images) for place in self._of_features}
        with (
            torch.inference_mode(),
            self._watch.stage("forward"),
            tap(self._model.module, attention, places=places, chunk=self.plan.chunk, heads=heads),
        ):
            self._model.module(pixels)

    def _looking(self, place: str, images: Images) -> Sink:
        """Who is handed the tokens at a place."""

        def look(layer: int, tokens: Tensor) -> None:
            with self._watch.stage("metrics"):
                features = Features(self._setting.geometry, layer, place, tokens.float(), images)
                for metric in self._of_features[place]:
                    metric.look(features)

        return look

    def states(self) -> dict[str, dict[str, np.ndarray]]:
        """What every metric summed; raises ModelError when a sum is not finite."""
        states = {name: metric.sums.state() for name, metric in self.metrics.items()}
        for name, state in states.items():
            if not self.metrics[name].sums.sound(state):
                raise ModelError(
                    f"{self._model.name}: {name} is not finite on these images; "
                    f"the activations overflow, so try --precision fp32 or another checkpoint."
                )
        return states

    def _on_device(self, images: Images) -> Images:
        labels = None if images.labels is None else images.labels.to(self._setting.device, non_blocking=True)
        return Images(images.pixels, labels, images.places)

    def _normalised(self, pixels: Tensor) -> Tensor:
        """(B, height, width, 3) uint8 → (B, 3, height, width) in the model's number format."""
        rgb = pixels.to(self._setting.device, non_blocking=True).permute(0, 3, 1, 2).float() / 255
        return ((rgb - self._mean) / self._std).to(self._dtype)
