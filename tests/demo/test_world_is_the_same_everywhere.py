"""Two runs, other thread counts, other hash seeds, other machines: the same files."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitscope.demo import world
from vitscope.demo.world.png import voc_palette, write_png
from vitscope.demo.world.stream import Stream, cosine, sine

CHECKSUMS = json.loads((Path(__file__).parent / "world-checksums.json").read_text())


def digest(root: Path) -> str:
    """One checksum over the names and the bytes of all files in a tree."""
    total = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        total.update(path.relative_to(root).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


@pytest.mark.parametrize("name", sorted(world.WRITERS))
def test_every_tree_has_the_checksum_it_had_when_the_models_were_trained(world_roots, name):
    assert digest(world_roots[name]) == CHECKSUMS[name]


@pytest.mark.parametrize("threads", ["1", "3"])
def test_threads_and_hash_seed_change_nothing(world_roots, tmp_path, threads):
    code = "import sys, pathlib, vitscope.demo.world as w; w.write(pathlib.Path(sys.argv[1]), only=['coco', 'spair'])"
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, threads), "PYTHONHASHSEED": threads}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment)
    for name in ("coco", "spair"):
        assert digest(tmp_path / name) == digest(world_roots[name])


def test_the_world_needs_no_torch():
    code = "import sys, vitscope.demo, vitscope.demo.world, vitscope.demo.zoo; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"torch", "timm", "sklearn", "scipy"} & set(done.stdout.split())


def test_progress_counts_every_picture(tmp_path):
    seen: list[tuple[int, int]] = []
    roots = world.write(tmp_path, only=["davis"], progress=lambda done, total: seen.append((done, total)))
    total = world.WRITERS["davis"].COUNT
    assert seen == [(done, total) for done in range(1, total + 1)]
    assert roots == {"davis": tmp_path / "davis"}
    assert len(list(tmp_path.rglob("*.jpg"))) == total


def test_an_unknown_name_is_refused_with_the_names_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"no data set called ade20k: choose from imagenet, coco"):
        world.write(tmp_path, only=["ade20k"])


def test_streams_are_named_by_their_keys():
    first = [Stream("a", 1).bits() for _ in range(3)]
    assert first == [first[0]] * 3
    assert Stream("a", 1).bits() != Stream("a", 2).bits()
    assert Stream("world").bits() == 1030964781794918655
    numbers = [Stream("even", i).below(6) for i in range(6000)]
    assert np.bincount(numbers, minlength=6).min() > 850


def test_sines_are_sines():
    turns = np.linspace(-2, 2, 401)
    assert np.allclose([sine(t) for t in turns], np.sin(2 * np.pi * turns), atol=1e-6)
    assert np.allclose([cosine(t) for t in turns], np.cos(2 * np.pi * turns), atol=1e-6)


@pytest.mark.parametrize("shape", [(5, 7, 3), (200, 300, 3), (6, 9)])
def test_a_png_reads_back(tmp_path, shape):
    pixels = Stream("png").bytes_(*shape)
    write_png(tmp_path / "a.png", pixels)
    assert np.array_equal(np.array(Image.open(tmp_path / "a.png")), pixels)


def test_a_palette_png_keeps_its_indices(tmp_path):
    pixels = Stream("palette").bytes_(6, 9)
    write_png(tmp_path / "a.png", pixels, palette=voc_palette())
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
        assert np.array_equal(np.array(image), pixels)
        colours = image.getpalette()
    assert colours is not None
    assert colours[:15] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128]
