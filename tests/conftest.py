"""Fixtures for everybody: real photographs, a small model, a trained one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("vitscope", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("vitscope")

CLASSES = {
    "animal": ("chelsea.png", "astronaut.png"),
    "place": ("china.jpg", "rocket.jpg"),
    "thing": ("coffee.png", "coins.png", "flower.jpg"),
}


ONLY_WHEN_ASKED = ("long", "sweep")
"""Marks of tests that `pytest` leaves out, unless its `-m` names them."""


def pytest_configure() -> None:
    """Started in the background, where shells have Ctrl-C ignored, the tests mean it all the same."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes, unless it is asked for."""
    unasked = [mark for mark in ONLY_WHEN_ASKED if mark not in config.option.markexpr]
    left_out = [item for item in items if any(item.get_closest_marker(mark) for mark in unasked)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session", autouse=True)
def nobodys_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No settings of whoever runs the tests: neither their file nor their environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("VITSCOPE_") and name != "VITSCOPE_TEST_WEIGHTS"]:
            patch.delenv(name)
        patch.setenv("VITSCOPE_CONFIG", str(tmp_path_factory.mktemp("settings") / "config.toml"))
        yield


def _photographs() -> dict[str, Path]:
    """The photographs that scikit-image and scikit-learn ship, by file name; coins is grey."""
    import skimage.data
    import sklearn.datasets

    shipped = Path(skimage.data.__file__).parent, Path(sklearn.datasets.__file__).parent / "images"
    names = [name for members in CLASSES.values() for name in members]
    return {name: next(folder / name for folder in shipped if (folder / name).exists()) for name in names}


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flat folder of seven photographs, PNG and JPEG, 300 to 640 pixels wide. Do not write in it."""
    folder = tmp_path_factory.mktemp("photographs")
    for name, source in _photographs().items():
        (folder / name).write_bytes(source.read_bytes())
    return folder


@pytest.fixture(scope="session")
def photographs_in_classes(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Path:
    """The same seven in the class folders animal, place and thing (2, 2 and 3 images). Do not write in it."""
    folder = tmp_path_factory.mktemp("classes")
    for label, names in CLASSES.items():
        (folder / label).mkdir()
        for name in names:
            (folder / label / name).write_bytes((photographs / name).read_bytes())
    return folder


@pytest.fixture(scope="session")
def world_tree(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`world_tree(name)`: the root of one data set of the embedded world, drawn when first asked for.

    Names are those of vitscope.demo.world.WRITERS: imagenet coco partimagenet roxford5k davis spair.
    """
    from vitscope.demo import world

    folder = tmp_path_factory.mktemp("world-trees")

    def tree(name: str) -> Path:
        return folder / name if (folder / name).exists() else world.write(folder, only=(name,))[name]

    return tree


@pytest.fixture
def tiny():
    """A timm VisionTransformer: 32 px, patch 8, CLS, width 48, 3 layers of 3 heads, T = 17, in eval mode.

    The same weights every time, with queries and keys wide enough that heads differ and look at something.
    """
    import torch
    from timm.models.vision_transformer import VisionTransformer

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = VisionTransformer(
            img_size=32, patch_size=8, embed_dim=48, depth=3, num_heads=3, num_classes=0, fc_norm=False
        )
        for name, parameter in model.named_parameters():
            if name.endswith("qkv.weight"):
                torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


@pytest.fixture(scope="session")
def trained_checkpoint() -> Path:
    """DINOv2 ViT-S/14 at 224 px, timm's names, for vit_small_patch14_dinov2.lvd142m (see CONTRIBUTING.md)."""
    beside = Path(__file__).parents[2] / "shared" / "checkpoints" / "dinov2_s14_224.safetensors"
    path = Path(os.environ.get("VITSCOPE_TEST_WEIGHTS") or beside)
    if not path.is_file():
        pytest.skip("the trained DINOv2 checkpoint is missing: set VITSCOPE_TEST_WEIGHTS to its file")
    return path
