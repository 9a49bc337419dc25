"""Whatever is wrong with what a person gives: one clear sentence, exit code 1, and nothing that was there is lost."""

from __future__ import annotations

import errno
import os
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from tests.run import jobs
from vitscope.cli import app
from vitscope.run import measure
from vitscope.store.files import sealed
from vitscope.store.verify import verify

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class World:
    """A folder with pictures, a checkpoint, and a cache that holds a finished run of both."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "pictures"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "good.safetensors"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def files(self) -> dict[Path, tuple[int, int]]:
        """Identity and time of every file in the cache."""
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in self.cache.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("world"))
    jobs.weights(world.checkpoint)
    jobs.measured(jobs.request(jobs.pictures(world.data, 3), checkpoint=world.checkpoint), world.cache)
    return world


def vitscope(*arguments: str | Path) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the program; a traceback fails the test."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def sentence_of(code: int, out: str, err: str) -> str:
    """What a failed command says, once it is sure that it says nothing else."""
    assert (code, out) == (1, ""), err
    assert "Traceback" not in err
    (line,) = err.splitlines()
    assert line.startswith("vitscope: ")
    assert line.isprintable()
    assert re.search(r"[a-z0-9…)][.?]$", line), line
    return line.removeprefix("vitscope: ")


@pytest.fixture
def refused(world: World) -> Callable[..., str]:
    """The sentence with which an extraction into the cache of `world` is refused; the cache stays as it is."""

    def refused(*arguments: str | Path, model: str = jobs.MODEL, data: Path = world.data) -> str:
        before = world.files()
        given = ("extract", "--quiet", "--model", model, "--data", data, "--cache", world.cache, *arguments)
        sentence = sentence_of(*vitscope(*given))
        assert world.files() == before
        assert verify(jobs.only_run(world.cache)) == []
        return sentence

    return refused


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
    assert "class-attention does not apply" in refused("--metrics", "class-attention", model=jobs.UNTRAINED)


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


# What is given as a checkpoint


class Trap:
    """What a hostile pickle does when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.mark),)


def changed(weights: Weights, **changes: torch.Tensor | None) -> Weights:
    """Some tensors replaced, or left out where None; dots are written as double underscores."""
    named = {name.replace("__", "."): tensor for name, tensor in changes.items()}
    return {name: tensor for name, tensor in {**weights, **named}.items() if tensor is not None}


def other_architecture() -> Weights:
    return timm.create_model("test_vit3", img_size=64, num_classes=0).state_dict()


NO_CHECKPOINT: dict[str, tuple[str, Callable[[Path, Path], object]]] = {
    "text.pth": ("is not a checkpoint", lambda path, good: path.write_text("hello\n")),
    "text.safetensors": ("is not a safetensors file, or", lambda path, good: path.write_text("hello, world\n")),
    "empty.pth": ("the file is empty", lambda path, good: path.write_bytes(b"")),
    "empty.safetensors": ("the file is empty", lambda path, good: path.write_bytes(b"")),
    "zeros.pth": ("is not a checkpoint", lambda path, good: path.write_bytes(bytes(5000))),
    "cut.safetensors": ("cut short", lambda path, good: path.write_bytes(good.read_bytes()[:-100])),
    "head.safetensors": ("cut short", lambda path, good: path.write_bytes(good.read_bytes()[:1000])),
    "cut.pth": ("the file is cut short", lambda path, good: cut(path, load_file(good), True)),
    "old-and-cut.pth": ("cut short", lambda path, good: cut(path, load_file(good), False)),
    "archive.pth": ("is not a checkpoint", lambda path, good: zipfile.ZipFile(path, "w").writestr("a", "b")),
    "list.pth": ("holds no named tensors", lambda path, good: torch.save([1, 2], path)),
    "folder.pth": ("it is a folder", lambda path, good: path.mkdir()),
    "missing.pth": ("there is no such file", lambda path, good: None),
}


def cut(path: Path, weights: Weights, as_zip: bool) -> None:
    torch.save(weights, path, _use_new_zipfile_serialization=as_zip)
    path.write_bytes(path.read_bytes()[:-3000])


@pytest.mark.parametrize("name", NO_CHECKPOINT)
def test_a_file_that_is_no_checkpoint(refused: Callable[..., str], world: World, tmp_path: Path, name: str) -> None:
    reason, write = NO_CHECKPOINT[name]
    write(tmp_path / name, world.checkpoint)
    sentence = refused("--checkpoint", tmp_path / name)
    assert str(tmp_path / name) in sentence
    assert reason in sentence
    assert "weights_only" not in sentence  # torch's advice is to run the code in the file


DOES_NOT_FIT: dict[str, tuple[str, Callable[[Weights], Weights]]] = {
    "shape": (
        "another shape: cls_token is 1×1×32, the model has 1×1×64; norm.weight is 7, the model has 64",
        lambda good: changed(good, cls_token=torch.zeros(1, 1, 32), norm__weight=torch.zeros(7)),
    ),
    "architecture": ("not expected: blocks.0.ls1.gamma,", lambda good: other_architecture()),
    "missing": (
        "missing: blocks.2.norm1.bias, norm.weight",
        lambda good: changed(good, norm__weight=None, blocks__2__norm1__bias=None),
    ),
    "unexpected": (
        "not expected: blocks.9.norm1.bias",
        lambda good: changed(good, blocks__9__norm1__bias=torch.ones(64)),
    ),
    "nan": (
        "tensors with NaN or Inf: blocks.1.attn.proj.bias",
        lambda good: changed(good, blocks__1__attn__proj__bias=torch.full((64,), torch.nan)),
    ),
    "infinite": (
        "tensors with NaN or Inf: norm.bias",
        lambda good: changed(good, norm__bias=torch.full((64,), torch.inf)),
    ),
    "hostile name": ("not expected: a\ufffd[2Jb", lambda good: {**good, "a\x1b[2Jb": torch.ones(1)}),
}


@pytest.mark.parametrize("case", DOES_NOT_FIT)
def test_a_checkpoint_that_does_not_fit(refused: Callable[..., str], world: World, tmp_path: Path, case: str) -> None:
    expected, change = DOES_NOT_FIT[case]
    save_file(change(load_file(world.checkpoint)), tmp_path / "given.safetensors")
    sentence = refused("--checkpoint", tmp_path / "given.safetensors")
    assert sentence.startswith("given.safetensors ")
    assert expected in sentence


@pytest.mark.parametrize("how", ["torch.save", "torch.save before 1.6", "pickle", "pickle of long ago"])
def test_a_pickle_that_would_run_code(refused: Callable[..., str], world: World, tmp_path: Path, how: str) -> None:
    mark, path = tmp_path / "ran", tmp_path / "given.pth"
    content = {"model": load_file(world.checkpoint), "args": Trap(mark)}
    if how.startswith("torch"):
        torch.save(content, path, _use_new_zipfile_serialization=how == "torch.save")
    else:
        path.write_bytes(pickle.dumps(Trap(mark), protocol=4 if how == "pickle" else 0))
    sentence = refused("--checkpoint", path)
    assert sentence.startswith(f"{path} was not loaded: ")
    assert "posix.mkdir" in sentence
    assert not mark.exists()
    assert pickle.loads(path.read_bytes()) is None if how.startswith("pickle") else True
    assert mark.exists() == how.startswith("pickle")  # it would have run


def test_a_checkpoint_for_a_random_model(refused: Callable[..., str], world: World) -> None:
    assert "random weights by definition" in refused("--checkpoint", world.checkpoint, model=jobs.UNTRAINED)


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
    assert refused("--dataset", "imagess").startswith("no kind of data is called 'imagess'. Did you mean images?")


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


# Weights that are not there


@pytest.mark.slow
def test_no_weights_and_no_network(world: World, tmp_path: Path) -> None:
    """Told to stay offline, or finding nobody: said at once, without retries, and never random weights instead."""
    offline = {"HF_HUB_OFFLINE": "1"}
    nobody = {"HF_ENDPOINT": "http://127.0.0.1:9"}  # a port that refuses
    started = {}
    for name, variables in (("offline", offline), ("nobody", nobody)):
        home, cache = tmp_path / name, tmp_path / f"{name}-cache"
        home.mkdir()
        program = (sys.executable, "-m", "vitscope", "extract", "--model", jobs.MODEL, "--data", world.data)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGINGFACE"))}
        started[name] = subprocess.Popen(
            [*map(str, program), "--cache", str(cache)],
            env={**environment, "HF_HOME": str(home), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    for name, reason in (("offline", "HF_HUB_OFFLINE is set"), ("nobody", "Connection refused")):
        out, err = started[name].communicate()
        sentence = sentence_of(started[name].returncode, out, err)
        assert sentence.startswith(
            "no weights for timm/test_vit: model.safetensors of timm/test_vit.r160_in1k is neither"
        )
        assert str(tmp_path / name) in sentence
        assert reason in sentence
        assert all(way in sentence for way in ("reach the Hub once", "HF_HOME", "--checkpoint", "random/test_vit"))
        assert not (tmp_path / f"{name}-cache").exists()


def test_a_model_that_timm_has_no_weights_of(refused: Callable[..., str]) -> None:
    sentence = refused(model="timm/test_vit_relpos")
    assert sentence.startswith("no weights for timm/test_vit_relpos: timm knows none")
    assert "--checkpoint" in sentence


# The cache


def test_a_cache_of_another_version(world: World, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(world.cache, cache)
    (run,) = cache.glob("*/run.json")
    run.write_bytes(sealed({"key": "x"}).replace(b'"format": 1', b'"format": 2'))
    before = {path: path.read_bytes() for path in cache.rglob("*") if path.is_file()}
    where = ("--cache", cache, "--quiet", "--model", jobs.MODEL)
    for command in (
        ("extract", *where, "--data", world.data, "--checkpoint", world.checkpoint, "--image-size", "64"),
        ("extract", *where, "--data", world.data, "--checkpoint", world.checkpoint, "--image-size", "64", "--restart"),
        ("show", "distance", *where),
    ):
        sentence = sentence_of(*vitscope(*command))
        assert sentence.startswith(
            f"{run} was written by vitscope with cache format 2, this one reads format 1: use that"
        )
    assert {path: path.read_bytes() for path in cache.rglob("*") if path.is_file()} == before


def test_a_cache_that_is_a_file(world: World, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("mine")
    given = ("--model", jobs.UNTRAINED, "--data", world.data, "--image-size", "64", "--cache", tmp_path / "cache")
    sentence = sentence_of(*vitscope("extract", "--quiet", *given))
    assert sentence.startswith(f"cannot write {tmp_path / 'cache'}")
    assert (tmp_path / "cache").read_text() == "mine"


class Disk:
    """A disk with little space: a tmpfs where one may be mounted, else one whose files cannot be made durable."""

    def __init__(self, folder: Path, size: int, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.size, self.patch = folder, size, patch
        folder.mkdir()
        self.real = self._mount(f"size={size}k")
        if not self.real:
            self.sync = os.fsync
            patch.setattr(os, "fsync", self._fsync)

    def enlarge(self) -> None:
        self.size = 1 << 20
        assert not self.real or self._mount("remount,size=64m")

    def remove(self) -> None:
        if self.real:
            subprocess.run(["umount", str(self.folder)], check=True)

    def _mount(self, options: str) -> bool:
        if shutil.which("mount") is None:
            return False
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def _fsync(self, handle: int) -> None:
        used = sum(-(-path.stat().st_size // 4096) * 4 for path in self.folder.rglob("*") if path.is_file())
        if used > self.size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.sync(handle)


@pytest.fixture(params=[True, False], ids=["as this system can", "simulated"])
def disk(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[int], Disk]]:
    """Makes a disk of so many KiB."""
    disks: list[Disk] = []
    if not request.param:
        monkeypatch.setattr(Disk, "_mount", lambda self, options: False)

    def make(size: int) -> Disk:
        disks.append(Disk(tmp_path / "disk", size, monkeypatch))
        return disks[-1]

    yield make
    for made in disks:
        made.remove()


@pytest.mark.parametrize("size", [4, 130, 260])
def test_a_full_disk(disk: Callable[[int], Disk], tmp_path: Path, size: int) -> None:
    """Before the first shard, in the middle of the shards, and when they become results; then it goes on."""
    data = jobs.pictures(tmp_path / "pictures", 64)
    small = disk(size)
    given = ("extract", "--model", jobs.UNTRAINED, "--image-size", "64", "--gallery", "0", "--data", data, "--cache")
    sentence = sentence_of(*vitscope(*given, small.folder, "--quiet"))
    assert re.fullmatch(
        rf"cannot write {small.folder}.*: no space is left on the disk; what was finished is kept\.", sentence
    )
    finished = jobs.committed(small.folder)
    assert len(finished) in {4: {0}, 130: {1, 2, 3}, 260: {4}}[size]
    assert not list(small.folder.glob("*/lock"))
    small.enlarge()
    code, _, said = vitscope(*given, small.folder)
    assert code == 0
    assert (f"going on: {len(finished)} of 4 shards were finished before" in said) == (len(finished) in {1, 2, 3})
    assert vitscope(*given, tmp_path / "cache")[0] == 0
    assert jobs.contents(jobs.only_run(small.folder)) == jobs.contents(jobs.only_run(tmp_path / "cache"))
    jobs.check_tidy(jobs.only_run(small.folder))


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES])
def test_a_disk_that_refuses(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    assert refused("--image-size", "64", model=jobs.UNTRAINED).startswith("cannot write ")


# Memory


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1000000000 bytes."),
        MemoryError("Unable to allocate 20.0 GiB for an array"),
    ],
)
def test_too_little_memory(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(measure, "tap", no_memory)
    given = ("--model", jobs.UNTRAINED, "--data", world.data, "--image-size", "64", "--cache", tmp_path / "cache")
    sentence = sentence_of(*vitscope("extract", "--quiet", *given))
    assert "has too little memory" in sentence
    assert "--batch-size" in sentence
