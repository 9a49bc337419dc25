"""M models cost M passes: every layer, and every pair of models, out of one pass of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations_with_replacement

import numpy as np
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from tests.run import jobs
from vitscope import catalog
from vitscope.run.evaluate import evaluate
from vitscope.run.request import TaskRequest
from vitscope.spec import Resources
from vitscope.store.reader import Cache
from vitscope.views import Options, View

MODELS = catalog.GROUPS["demo"]


@contextmanager
def forwards() -> Iterator[Counter[str]]:
    """While open, what whole models are given: passes over photographs, and photographs in all of them.

    A single image is noise, by which an extraction sees what shape a model has: no batch here is as small.
    """
    seen: Counter[str] = Counter()

    def count(module: nn.Module, inputs: tuple) -> None:
        if hasattr(module, "blocks") and len(inputs[0]) > 1:
            seen["passes"] += 1
            seen["images"] += len(inputs[0])

    handle = register_module_forward_pre_hook(count)
    try:
        yield seen
    finally:
        handle.remove()


def shown(cache: Cache, models: list[str], **options) -> View:
    return catalog.load("view", catalog.VIEWS, "cka")(cache, models, Options(**options))


def numbers(view: View) -> list[np.ndarray]:
    found = [view.values, *(column.values for column in (view.columns or {}).values())]
    return [values for values in found if values is not None]


def test_six_models_cost_six_passes_whatever_is_compared(tmp_path):
    """40 images are two batches."""
    assert len(MODELS) == 6
    folder, store = jobs.pictures(tmp_path / "pictures", 40), Cache(tmp_path / "cache")
    metrics = ("vectors", "grams", "norm-grams", "residual-grams", "residual-norms", "token-norms")
    with forwards() as seen:
        for model in MODELS:
            jobs.measured(jobs.request(folder, model=model, image_size=None, metrics=metrics), store.folder)
    assert seen == {"passes": 6 * 2, "images": 6 * 40}
    with forwards() as seen:
        for pair in combinations_with_replacement(MODELS, 2):
            for options in ({"tokens": "cls"}, {"tokens": "all"}, {"taps": "norm"}, {"exact": True}):
                view = shown(store, list(dict.fromkeys(pair)), **options)
                assert all(np.isfinite(values).all() for values in numbers(view))
        assert shown(store, list(MODELS)).values.shape == (6, 6)
    assert seen == {}


def test_clusters_of_what_was_extracted_look_at_no_image_again(tmp_path):
    for name in ("one", "two"):
        jobs.pictures(tmp_path / "pictures" / name, 5)
    asked = jobs.request(tmp_path / "pictures", model="demo-mae", image_size=None, metrics=("vectors", "grams"))
    jobs.measured(asked, tmp_path / "cache")
    task = TaskRequest(task="clusters", model="demo-mae", data=tmp_path / "pictures", dataset="images")
    with forwards() as seen:
        evaluate(task, Resources(device="cpu"), tmp_path / "cache", jobs.Listener())
    assert seen == {}
    assert len(Cache(tmp_path / "cache").runs()) == 2
