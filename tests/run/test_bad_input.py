"""Bad images, names, sizes and devices: one clear sentence, exit code 1, and nothing that was there is lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.run import jobs
from tests.run.program import World, vitscope

# What is given as images


def test_no_such_folder(refused: Callable[..., str], tmp_path: Path) -> None:
    sentence = refused(data=tmp_path / "photos")
    assert sentence.startswith(f"{tmp_path / 'photos'}: no folder or file of images there")


def test_a_folder_without_images(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "found no files at all" in refused(data=tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "list.csv").write_text("x")
    sentence = refused(data=tmp_path)
    assert sentence.startswith(f"no images in {tmp_path}: looked in it and its subfolders for .bmp, .jpeg")
    assert "1 × .txt" in sentence


def test_class_options_for_a_flat_folder(refused: Callable[..., str]) -> None:
    assert "--per-class needs class folders" in refused("--per-class", "2")
    assert "nothing for class-attention (needs class folders)" in refused(
        "--metrics", "class-attention", model=jobs.UNTRAINED
    )


def test_names_that_would_steer_the_terminal(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    shutil.copytree(world.data, folder)
    (folder / "red\x1b[31m\n.png").write_bytes(b"")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.png")).write_bytes(b"")  # no UTF-8
    given = (
        "extract",
        "--model",
        jobs.UNTRAINED,
        "--image-size",
        "64",
        "--data",
        folder,
        "--cache",
        tmp_path / "cache",
    )
    code, _, said = vitscope(*given)
    assert code == 0
    assert "\x1b" not in said
    assert "skipped red\ufffd[31m\ufffd.png: the file is empty" in said.splitlines()
    assert "skipped \ufffd.png: the file is empty" in said.splitlines()


# Names, sizes and devices


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("maee", "no model is called 'maee'. Did you mean mae "),
        (
            "timm/vit_smal_patch16_224",
            "no timm model is called 'vit_smal_patch16_224'. Did you mean vit_small_patch16_224 ",
        ),
        ("random/vit_tinyy", "Did you mean vit_tiny_patch16_"),
        ("timm/vit_small_patch14_dinov2.lvd142", "Did you mean vit_small_patch14_dinov2.lvd142m?"),
        ("vit_small_patch16_224", "Did you mean timm/vit_small_patch16_224?"),
        ("timm/", "no model is called 'timm/'"),
        ("", "no model is called ''"),
        ("m\x1b[31mae", "no model is called 'm\\x1b[31mae'"),
    ],
)
def test_an_unknown_model(refused: Callable[..., str], model: str, expected: str) -> None:
    assert expected in refused(model=model)


def test_an_unknown_metric_or_kind_of_data(refused: Callable[..., str]) -> None:
    assert refused("--metrics", "attentoin").startswith("no metric is called 'attentoin'. Did you mean attention ")
    assert refused("--dataset", "imagess").startswith("no kind of data is called 'imagess'. Did you mean images or ")


@pytest.mark.parametrize("size", ["65", "64x70", "8"])
def test_an_image_size_that_patches_do_not_fill(refused: Callable[..., str], size: str) -> None:
    sentence = refused("--image-size", size, model=jobs.UNTRAINED)
    assert "patches of 16×16 pixels, which do not fill images of" in sentence
    assert "would work" in sentence


@pytest.mark.parametrize(
    ("device", "expected"),
    [("cuda:99", "asked for cuda:99, but this machine has "), ("gpu", "no device is called 'gpu'"), ("meta", "'meta'")],
)
def test_a_device_that_is_not_there(refused: Callable[..., str], device: str, expected: str) -> None:
    sentence = refused("--device", device, model=jobs.UNTRAINED)
    assert expected in sentence
    assert "use auto" in sentence


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("swin_tiny_patch4_window7_224", "it attends inside windows"),
        ("cait_xxs24_224", "its heads are mixed after the softmax"),
        ("xcit_nano_12_p16_224", "it attends between channels"),
        ("samvit_base_patch16", "most of its layers attend inside windows"),
        ("levit_128s", "its tokens are subsampled between layers"),
        ("vit_dpwee_patch16_reg1_gap_256", "its attention is the difference of two maps"),
        ("resnet18", "ResNet has no plain sequence of transformer blocks"),
    ],
)
def test_what_is_no_plain_vision_transformer(refused: Callable[..., str], model: str, reason: str) -> None:
    sentence = refused(model=f"random/{model}")
    assert sentence.startswith(f"random/{model} is not a plain Vision Transformer: {reason}"), sentence
