"""The device is never waited for while a batch is measured.

On the meta device tensors have no values: whatever asks for one (`item`, `cpu`, `nonzero`, a branch on a number, an
index made of a mask) raises. On a GPU the same lines would make the program wait until all that was handed over before
is done.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from vitscope import catalog
from vitscope.batch import Images
from vitscope.metrics import Setting
from vitscope.models import build
from vitscope.models.places import tokens_of
from vitscope.models.shape import geometry_of
from vitscope.run.loader import Loaded, Skipped
from vitscope.run.measure import Pass
from vitscope.run.plan import plan
from vitscope.spec import Resources

META = torch.device("meta")
IMAGES = 32
METRICS = {name: catalog.load("metric", catalog.METRICS, name) for name in catalog.METRICS}


class Copies(TorchDispatchMode):
    """Every copy from the host to the device, and whether the host goes on meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.blocking: list[bool] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten._to_copy.default and kwargs.get("device") == META and args[0].device != META:
            self.blocking.append(not kwargs.get("non_blocking", False))
        return func(*args, **kwargs)


@pytest.fixture(scope="module")
def stand() -> tuple[build.Loaded, Setting]:
    model = build.load("demo-mae")
    geometry, tokens = geometry_of(model.name, model.module, model.image_size), tokens_of(model.module, (80, 80))
    model.module.to(META)
    places = tuple(range(2 * IMAGES))
    setting = Setting(geometry, META, 3, tuple(range(4)), tokens.width, tokens.places, places, IMAGES)
    return model, setting


def batch(begin: int, count: int = IMAGES) -> Loaded:
    pixels = torch.zeros(count, 80, 80, 3, dtype=torch.uint8)
    images = Images(pixels, torch.zeros(count, dtype=torch.long), tuple(range(begin, begin + count)))
    return Loaded(0, count, images, ())


def a_pass(stand: tuple[build.Loaded, Setting], names: list[str]) -> Pass:
    model, setting = stand
    metrics = {name: METRICS[name] for name in names}
    return Pass(metrics, model, setting, plan(metrics.values(), setting, Resources(batch_size=IMAGES)))


def patched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitscope.run.plan.free_memory", lambda _: None)


@pytest.mark.parametrize("name", METRICS)
def test_no_metric_waits_for_the_device(stand, monkeypatch, name):
    patched(monkeypatch)
    current = a_pass(stand, [name])
    if name == "gallery":  # the images that it keeps are copied out as they come, all in the first batch
        with pytest.raises(NotImplementedError):
            current.run(batch(0))
        current.run(batch(IMAGES))
        return
    for begin in (0, IMAGES):
        current.run(batch(begin))
    with pytest.raises((NotImplementedError, RuntimeError)):  # the end of a shard does, so the test would see it
        current.states()


def test_images_are_copied_while_the_program_goes_on(stand, monkeypatch):
    patched(monkeypatch)
    current = a_pass(stand, ["distance", "class-attention"])
    current.run(batch(0))
    with Copies() as copies:
        current.run(batch(IMAGES))
    assert copies.blocking == [False, False]  # pixels and labels


def test_a_batch_without_images_asks_the_device_nothing(stand, monkeypatch):
    patched(monkeypatch)
    current = a_pass(stand, ["distance"])
    with Copies() as copies:
        current.run(Loaded(0, 1, None, (Skipped("a.jpg", "damaged"),)))
    assert (copies.blocking, len(current.skipped)) == ([], 1)
