"""20-NN on scikit-learn's digits with a trained DINOv2 ViT-S/14, and with the same architecture untrained.

Measured elsewhere with as many digits: .730 trained, .117 untrained. How 8 × 8 pixels become 224 × 224 moves the
trained number: .723 bilinear and .693 bicubic in floats, .710 bicubic in eight bits, .553 by repeating pixels. Here
Pillow enlarges them, bilinear and in eight bits, and nothing resizes them again (.717); .03 either way covers that.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tasks.test_vectors_run import run

pytestmark = [pytest.mark.weights, pytest.mark.long]

NAME = "vit_small_patch14_dinov2.lvd142m"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 600 digits in train and the next 300 in val, in class folders, as PNG of 224 × 224 pixels."""
    from sklearn.datasets import load_digits

    root, data = tmp_path_factory.mktemp("digits"), load_digits()
    for number in range(900):
        folder = root / ("train" if number < 600 else "val") / str(data.target[number])
        folder.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(np.rint(data.images[number] * 255 / 16).astype(np.uint8))
        small.resize((224, 224), Image.Resampling.BILINEAR).save(folder / f"{number:04}.png")
    return root


def test_trained_features_tell_digits_and_untrained_ones_hardly_do(digits, trained_checkpoint, tmp_path):
    report, result = run("knn", f"timm/{NAME}", digits, tmp_path, checkpoint=trained_checkpoint)
    _, untrained = run("knn", f"random/{NAME}", digits, tmp_path, image_size=(224, 224))
    assert (report.images, report.used, report.skipped) == (900, 300, [])
    trained = result.array("accuracy")
    assert trained.shape == (12,)
    assert trained[-1] == pytest.approx(0.73, abs=0.03)
    assert trained.max() > 0.8
    assert untrained.array("accuracy")[-1] < 0.2
