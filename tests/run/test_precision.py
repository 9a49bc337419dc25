"""Half precision runs the model so, but attention is summed in float32; what it costs is measured here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.run import jobs
from vitscope.models.build import load
from vitscope.models.tap import Piece, tap

TOLERANCE = {"bf16": 0.02, "fp16": 0.002}
"""Of mean attention, relative to 1: 8 and 11 bits of mantissa, grown over six layers whose heads look at something."""


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return jobs.pictures(tmp_path_factory.mktemp("few"), 8)


@pytest.fixture(scope="module")
def runs(few, checkpoint, tmp_path_factory):
    asked = jobs.request(few, checkpoint=checkpoint, metrics=("attention", "distance", "entropy"))
    cache = tmp_path_factory.mktemp("cache")
    return {name: jobs.measured(replace(asked, precision=name), cache)[1] for name in ("fp32", *TOLERANCE)}


@pytest.mark.parametrize("precision", TOLERANCE)
def test_the_difference_to_full_precision(runs, precision):
    exact, half = runs["fp32"], runs[precision]
    assert half.spec.precision == precision
    assert half.folder != exact.folder
    apart = np.abs(half.array("attention") - exact.array("attention")).max()
    assert 0 < apart < TOLERANCE[precision]
    for metric in ("distance", "entropy"):
        whole, coarse = exact.array(metric), half.array(metric)
        assert np.abs(coarse / whole - 1).max() < 5 * TOLERANCE[precision]


@pytest.mark.parametrize("precision", TOLERANCE)
def test_rows_of_mean_attention_still_sum_to_one(runs, precision):
    rows = runs[precision].array("attention").sum(-1, dtype=np.float64)
    assert np.abs(rows - 1).max() < 2e-6  # bf16 attention alone would be off by 1e-3


@pytest.mark.parametrize("number_format", [torch.bfloat16, torch.float16])
def test_logits_and_attention_are_float32_all_the_way(checkpoint, number_format):
    model = load(jobs.MODEL, checkpoint, (jobs.EDGE, jobs.EDGE)).module.to(number_format)
    pixels = torch.randn(2, 3, jobs.EDGE, jobs.EDGE, generator=torch.Generator().manual_seed(0)).to(number_format)
    found: list[Piece] = []
    with torch.inference_mode(), tap(model, found.append):
        model(pixels)
    for piece in found:
        assert piece.logits_BHQT.dtype == piece.attention_BHQT.dtype == torch.float32
        assert not torch.equal(piece.logits_BHQT, piece.logits_BHQT.to(number_format).float())
        torch.testing.assert_close(piece.attention_BHQT, piece.logits_BHQT.softmax(-1), atol=0, rtol=0)


def test_an_image_of_one_patch_is_warned_of(few, tmp_path):
    listener = jobs.Listener()
    jobs.measured(jobs.request(few, metrics=("attention",), image_size=(16, 16)), tmp_path, listener)
    assert any("the whole image is one patch" in sentence for sentence in listener.warned)
