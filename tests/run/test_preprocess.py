"""What a run does to its images is what was asked for, and part of what the run is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import timm
from PIL import Image

from tests.run import jobs
from vitscope.data.images import read
from vitscope.errors import ModelError
from vitscope.models.build import load
from vitscope.run.loader import Slice, preprocess_of
from vitscope.run.loader import load as loaded


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return jobs.pictures(tmp_path_factory.mktemp("few"), 3)


def crops(run) -> np.ndarray:
    return np.asarray(run.result("gallery").array("crop"))


def test_the_models_own_way_is_timms_and_another_run(few, tmp_path):
    asked = jobs.request(few, metrics=("gallery",))
    _, paper = jobs.measured(asked, tmp_path)
    _, own = jobs.measured(replace(asked, preprocess="model"), tmp_path)
    assert paper.folder != own.folder
    assert paper.spec.preprocess == "short side, bicubic, centre crop"
    assert own.spec.preprocess == "short side / 0.95, bicubic, centre crop"
    config = timm.data.resolve_data_config(timm.create_model("test_vit").pretrained_cfg)
    assert config["crop_pct"] == 0.95
    config["input_size"] = (3, jobs.EDGE, jobs.EDGE)
    reference = timm.data.create_transform(**config, normalize=False)
    for path, crop in zip(sorted(few.iterdir()), crops(own), strict=True):
        assert np.array_equal(crop, np.asarray(reference(Image.open(path))).transpose(1, 2, 0))
    assert not np.array_equal(crops(own), crops(paper))


def test_models_that_are_shipped_are_evaluated_as_in_the_paper(few):
    steps = preprocess_of("model", load("demo-fs"), read(few))
    assert steps.words == "short side, bicubic, centre crop"


def test_a_way_that_is_not_known_is_refused(few):
    model = load(jobs.UNTRAINED)
    with pytest.raises(ModelError, match="it is paper or model"):
        preprocess_of("mine", model, read(few))
    model.module.pretrained_cfg["crop_mode"] = "border"
    with pytest.raises(ModelError, match="use --preprocess paper"):
        preprocess_of("model", model, read(few))


def test_boxes_and_thumbnails_of_an_image_set(few):
    images = read(few)
    steps = preprocess_of("paper", load(jobs.UNTRAINED), replace(images, thumbnail=40))
    assert steps.words == "long side at most 40 (Lanczos), short side, bicubic, centre crop"
    boxed = [
        replace(images.records[0], box=(10.0, 5.0, 70.0, 45.0)),
        replace(images.records[1], box=(90.0, 0.0, 99.0, 9.0)),
    ]
    (batch,) = loaded(boxed, [Slice(0, range(2))], (32, 32), preprocess=steps, orient=True, workers=0, pin=False)
    assert batch.images is not None
    assert batch.images.places == (0,)
    assert "its box holds no pixel" in batch.skipped[0].reason
    part = Image.open(images.records[0].path).crop((10, 5, 70, 45))
    assert np.array_equal(batch.images.pixels[0], steps.apply(part, (32, 32)))
