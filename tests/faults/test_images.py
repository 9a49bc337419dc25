"""A folder of images that nobody would want to measure: every one is measured or named, and the run ends well."""

from __future__ import annotations

import io
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import makers
from tests.faults.commands import program
from tests.run import jobs
from tests.run.program import sentence_of
from vitscope.data import files, pixels
from vitscope.run import loader
from vitscope.store.reader import Run

GOOD: dict[str, Callable[[Path], object]] = {
    **makers.IN_COLOUR,
    **makers.IN_GREY,
    "one pixel.png": lambda path: Image.new("RGB", (1, 1), "red").save(path),
    "one grey pixel.pgm": lambda path: Image.new("L", (1, 1), 7).save(path),
    "one pixel.webp": lambda path: Image.new("RGB", (1, 1), "red").save(path),
    "one bit.png": lambda path: Image.new("1", (9, 9), 1).save(path),
    "long.png": lambda path: Image.new("RGB", (20_000, 10), "red").save(path),
    "tall.png": lambda path: Image.new("RGB", (10, 20_000), "red").save(path),
    "longest.png": lambda path: Image.new("L", (60_000, 1), 9).save(path),
    "tall.jpg": lambda path: Image.new("RGB", (10, 20_000), "red").save(path),
    "lab.tif": makers.lab,
    "animated.gif.png": makers.gif,
    "jpeg.webp": lambda path: makers.colour().save(path, format="JPEG"),
    "png.jpg": lambda path: makers.colour().save(path, format="PNG"),
    "turned.jpg": lambda path: makers.turned(path, 6),
    "endless tags.jpg": lambda path: makers.colour().save(
        path, exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(60_000)
    ),
    "a tail.png": lambda path: path.write_bytes(png() + b"tail" * 1000),
}
BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "zero bytes.png": (lambda path: path.write_bytes(b""), "the file is empty"),
    "zeros.png": (lambda path: path.write_bytes(bytes(5000)), "no image"),
    "text.jpg": (lambda path: path.write_text("Not an image."), "no image"),
    "half.jpg": (lambda path: path.write_bytes(jpeg()[: len(jpeg()) // 2]), "cut short"),
    "no end.jpg": (lambda path: path.write_bytes(jpeg()[:-2000]), "cut short"),
    "bomb.png": (lambda path: makers.claim_png(path, 100_000, 100_000), "too large"),
    "bomb.bmp": (lambda path: path.write_bytes(bmp(60_000, 60_000)), "too large"),
    "bomb.webp": (lambda path: path.write_bytes(b"RIFF\xff\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff" * 6), ""),
    "nothing.png": (lambda path: makers.claim_png(path, 0, 10), ""),
    "page.tif": (lambda path: path.write_bytes(b"II*\0\x08\0\0\0" + bytes(2)), ""),
    "archive.png": (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(100)), "no image"),
    "drawing.png": (lambda path: path.write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "no image"),
    "postscript.jpg": (lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), "no image"),
}


def png() -> bytes:
    """A sound image."""
    file = io.BytesIO()
    makers.colour().save(file, "PNG")
    return file.getvalue()


def jpeg() -> bytes:
    """A photograph of noise."""
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG")
    return file.getvalue()


def bmp(width: int, height: int) -> bytes:
    """The head of a bitmap that says it is large."""
    return b"BM" + struct.pack("<IHHI", 100, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *[0] * 6)


def extracted(data: Path, cache: Path, *more: str) -> Run:
    """What an extraction leaves; the two pictures of `jobs.pictures` are always there."""
    given = ("--model", jobs.UNTRAINED, "--image-size", "64", "--metrics", "attention,vectors,gallery", "--data", data)
    code, _, said = program("extract", "--quiet", *given, "--cache", cache, *more)
    assert code == 0, said
    run = jobs.only_run(cache)
    jobs.check_tidy(run)
    assert all(np.isfinite(run.array("attention")).ravel())
    return run


def skipped(run: Run) -> dict[str, str]:
    return {file["file"]: file["reason"] for file in run.facts["skipped"]}


def test_images_of_every_kind(tmp_path: Path, tried: Callable[..., None]) -> None:
    data = jobs.pictures(tmp_path / "data", 2)
    for name, write in GOOD.items():
        write(data / name)
    run = extracted(data, tmp_path / "cache")
    assert skipped(run) == {}
    assert run.images == len(GOOD) + 2
    for _ in GOOD:
        tried("images", "right")


def test_what_is_no_image_and_what_is_too_large(tmp_path: Path, tried: Callable[..., None]) -> None:
    data = jobs.pictures(tmp_path / "data", 2)
    for name, (write, _) in BAD.items():
        write(data / name)
    run = extracted(data, tmp_path / "cache")
    told = skipped(run)
    assert told.keys() == BAD.keys()
    assert all(words in told[name] and told[name] for name, (_, words) in BAD.items()), told
    assert run.images == 2
    for _ in BAD:
        tried("images", "refused")


def test_nothing_but_damaged_images(tmp_path: Path, tried: Callable[..., None]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name, (write, _) in BAD.items():
        write(data / name)
    given = ("extract", "--quiet", "--model", jobs.UNTRAINED, "--image-size", "64", "--data", data)
    sentence = sentence_of(*program(*given, "--cache", tmp_path / "cache"))
    assert sentence.startswith(f"none of the {len(BAD)} images in {data} could be read")
    tried("images", "refused")


NAMES = [
    b"with spaces and  more.png",
    b"new\nline.png",
    b"tab\tand bell\a.png",
    "🙈 emoji ñ 漢字.png".encode(),
    b"\xff\xfe no unicode.png",
    b"-leading --dash.png",
    b"x" * 251 + b".png",
    b"'quote\" $(touch x) `y` ; & |.png",
    b"%s %d {0}.png",
    b"[bold]markup[bold].png",
    "\u202eright to left.png".encode(),
    b"back\\slash.png",
]


@pytest.mark.parametrize("readable", [True, False], ids=["images", "damaged"])
def test_names(tmp_path: Path, tried: Callable[..., None], readable: bool) -> None:
    data = jobs.pictures(tmp_path / "data", 2)
    for raw in NAMES:
        Path(os.fsdecode(os.fsencode(data) + b"/" + raw)).write_bytes(png() if readable else b"nothing")
    run = extracted(data, tmp_path / "cache", "--gallery", "14")
    told = skipped(run)
    assert (run.images, len(told)) == ((14, 0) if readable else (2, len(NAMES)))
    named = [*told, *run.result("gallery").coords["image"]]
    assert all(name.isprintable() and name.encode() for name in named)
    names = run.result("gallery").coords["image"]
    shown = [("show", "attention", "--model", "test_vit", "--image", name, "--layer", "1") for name in names[:6]]
    for words in (("cache", "info", "test_vit"), *shown):
        code, out, said = program(*words, "--cache", tmp_path / "cache")
        assert code == 0, said
        assert all(character.isprintable() for character in out.replace("\n", ""))
    for _ in NAMES:
        tried("names", "right")


def test_a_folder_of_what_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None]
) -> None:
    """Pipes, sockets and devices are passed over and never waited for; links are followed as far as they lead."""
    data = jobs.pictures(tmp_path / "data", 3)
    os.mkfifo(data / "pipe.png")
    (data / "zero.png").symlink_to("/dev/zero")
    (data / "to pipe.png").symlink_to(data / "pipe.png")
    (data / "loop").symlink_to(data)
    (data / "itself.png").symlink_to(data / "itself.png")
    (data / "dangling.png").symlink_to(tmp_path / "nothing.png")
    (data / "folder.png").mkdir()
    (data / "again.png").symlink_to(data / "000.png")
    monkeypatch.chdir(data)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as there:
        there.bind("socket.png")
        run = extracted(data, tmp_path / "cache")
    told = skipped(run)
    assert set(told) == {"dangling.png", "itself.png"}, told
    assert run.images == 4
    for _ in range(8):
        tried("names", "right")


def unreadable_for(patch: pytest.MonkeyPatch, name: str) -> None:
    """Whoever runs the tests may read everything: the system must be made to refuse."""
    decode = pixels._decoded

    def refused(path: Path, *, orient: bool) -> Image.Image:
        if path.name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return decode(path, orient=orient)

    patch.setattr(pixels, "_decoded", refused)


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None]) -> None:
    data = jobs.pictures(tmp_path / "data", 3)
    unreadable_for(monkeypatch, "001.png")
    run = extracted(data, tmp_path / "cache")
    assert skipped(run) == {"001.png": "permission denied"}
    tried("names", "right")


def when_listed(patch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something when the folder has been listed, and before any image is read."""
    load = loader.load

    def late(*arguments: object, **options: object) -> object:
        act()
        return load(*arguments, **options)  # type: ignore[arg-type]

    patch.setattr(loader, "load", late)


def test_a_file_that_vanishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None]) -> None:
    data = jobs.pictures(tmp_path / "data", 3)
    when_listed(monkeypatch, (data / "001.png").unlink)
    assert skipped(extracted(data, tmp_path / "cache")) == {"001.png": "no such file or directory"}
    tried("names", "right")


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_disk_with_images_that_is_taken_away(
    few: Path, tmp_path: Path, tried: Callable[..., None], monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    """Not hundreds of unreadable images and a finished run, but a sentence; then it goes on where it stopped."""
    data, away = tmp_path / "data", tmp_path / "away"
    jobs.pictures(data, 70)
    given = (
        "extract",
        "--quiet",
        "--model",
        jobs.UNTRAINED,
        "--image-size",
        "64",
        "--metrics",
        "vectors",
        "--data",
        data,
    )
    command = (*given, "--batch-size", "8", "--workers", workers, "--cache", tmp_path / "cache")
    with monkeypatch.context() as patch:
        when_listed(patch, lambda: data.rename(away))
        sentence = sentence_of(*program(*command))
    assert sentence.startswith(f"the images in {data} cannot be read any more (no such file or directory)")
    assert jobs.committed(tmp_path / "cache") == {}
    away.rename(data)
    assert program(*command)[0] == 0
    run = jobs.only_run(tmp_path / "cache")
    assert (run.images, run.facts["skipped"]) == (70, [])
    tried("names", "refused")


def test_a_file_that_changes_between_two_starts(tmp_path: Path, tried: Callable[..., None]) -> None:
    """Another size makes it another data set: what was measured of the first is kept beside it."""
    data = jobs.pictures(tmp_path / "data", 3)
    first = extracted(data, tmp_path / "cache")
    Image.new("RGB", (99, 98), "red").save(data / "001.png")
    given = ("--model", jobs.UNTRAINED, "--image-size", "64", "--metrics", "attention,vectors,gallery", "--data", data)
    code, out, _ = program("extract", "--quiet", *given, "--cache", tmp_path / "cache")
    assert code == 0
    assert out.strip() != str(first.folder)
    assert first.result("attention").images == 3
    tried("names", "right")


def test_a_folder_that_is_listed_while_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None]
) -> None:
    """A file that is gone when its size is asked for stays in the list, and is skipped."""
    data = jobs.pictures(tmp_path / "data", 3)
    size = files.size

    def gone(path: Path) -> int:
        if path.name == "002.png":
            path.unlink(missing_ok=True)
        return size(path)

    monkeypatch.setattr(files, "size", gone)
    assert skipped(extracted(data, tmp_path / "cache")) == {"002.png": "no such file or directory"}
    tried("names", "right")
