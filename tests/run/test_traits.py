"""Plain Vision Transformers of every kind, from `--model` to every view of their heads."""

from __future__ import annotations

import numpy as np
import pytest

from tests import synthetic
from tests.run import jobs
from vitscope import catalog
from vitscope.catalog import Model
from vitscope.errors import ModelError
from vitscope.views import Options

SMALL = {"embed_dim": 48, "depth": 2, "num_heads": 4}
TRAITS = {  # architecture, image size, what stands before the patches, what answers for CLS
    "SigLIP": ("vit_base_patch16_siglip_224", (64, 64), (), "the mean patch"),
    "DINOv2": ("vit_small_patch14_dinov2", (56, 56), ("cls",), "CLS"),
    "DINOv2, registers": ("vit_small_patch14_reg4_dinov2", (56, 70), ("cls", "reg1", "reg2", "reg3", "reg4"), "CLS"),
    "DINOv3": ("vit_small_patch16_dinov3", (64, 48), ("cls", "reg1", "reg2", "reg3", "reg4"), "CLS"),
    "EVA-02": ("eva02_tiny_patch14_224", (56, 56), ("cls",), "CLS"),
    "distilled": ("deit_tiny_distilled_patch16_224", (64, 64), ("cls", "dist"), "CLS"),
    "mean of patches": ("vit_medium_patch16_gap_240", (64, 64), (), "the mean patch"),
    "registers without CLS": ("vit_medium_patch16_reg1_gap_256", (64, 64), ("reg1",), "register 1"),
    "relative positions": ("beit_base_patch16_224", (64, 96), ("cls",), "CLS"),
    "flexible": ("naflexvit_base_patch16_gap", (48, 64), ("reg1", "reg2", "reg3", "reg4"), "register 1"),
    "side by side": ("vit_base_patch16_xp_224", (64, 64), ("cls",), "CLS"),
}


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return jobs.pictures(tmp_path_factory.mktemp("few"), 2)


@pytest.mark.parametrize("trait", TRAITS)
def test_from_model_to_views(trait, few, tmp_path, monkeypatch):
    timm, size, prefix, stand_in = TRAITS[trait]
    monkeypatch.setitem(catalog.MODELS, "one", Model(timm, "", "explicit", "", arguments=SMALL))
    asked = jobs.request(few, model="random/one", image_size=size, metrics=jobs.EVERYTHING)
    _, run = jobs.measured(asked, tmp_path)
    assert run.geometry.prefix == prefix
    assert run.spec.image_size == size
    for name in synthetic.OF_HEADS:
        view = catalog.load("view", catalog.VIEWS, name)(run, Options())
        columns = [view.values] if view.columns is None else [column.values for column in view.columns.values()]
        assert all(column is not None and len(column) == 2 for column in columns)
    cls = catalog.load("view", catalog.VIEWS, "attention")(run, Options(query="cls", tokens="all"))
    assert f"Attention of {stand_in} " in cls.title
    assert bool(cls.notes) == ("cls" not in prefix)
    np.testing.assert_allclose(cls.values.sum(-1), 1, atol=1e-5)


def test_noise_is_measured_like_a_model(few, tmp_path):
    asked = jobs.request(few, model="random", image_size=(32, 32), metrics=jobs.BY_DEFAULT)
    _, run = jobs.measured(asked, tmp_path)
    assert (run.geometry.layers, run.geometry.heads, run.spec.weights) == (10, 12, "noise:0")
    mean = run.array("attention")
    assert np.abs(mean.mean((0, 1, 2)) - 1 / 5).max() < 0.05
    assert set(jobs.BY_DEFAULT) - set(run.results()) <= {
        "class-attention",
        "residual-grams",
        "residual-norms",
        "norm-grams",
    }


@pytest.mark.parametrize(
    ("timm", "size", "sentence"),
    [
        ("vit_small_patch16_dinov3", (40, 64), "do not fill images of 40×64; "),
        ("vit_tiny_patch16_224", (64, 60), "do not fill images of 64×60; 64×64 would work"),
        ("vit_tiny_r_s16_p8_224", (72, 64), "72×64"),
    ],
)
def test_an_image_size_that_the_model_does_not_permit(timm, size, sentence, few, tmp_path):
    with pytest.raises(ModelError, match=sentence):
        jobs.measured(jobs.request(few, model=f"random/{timm}", image_size=size), tmp_path)
