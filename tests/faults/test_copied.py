"""A cache of which a part is missing, cut short or something else: measured anew, or refused with a sentence.

As after a copy over the network that was cut short, or a hand that slipped.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import commands
from tests.faults.commands import program
from tests.faults.sound import MEND, Sound, check_whole, made, mend, read

COPIES = 6  # that are cut short, in the usual run; ten times as many with `-m long`
DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "missing": lambda path: path.unlink(),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),  # as after a power cut on some file systems
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
}


def damaged(sound: Sound, cache: Path, damage: Callable[[Path], object], file: str) -> None:
    """Damage one file: what is read is true, and who measures mends it."""
    shutil.rmtree(cache, ignore_errors=True)
    shutil.copytree(sound.cache, cache)
    damage(cache / file)
    mended(sound, cache)


def mended(sound: Sound, cache: Path) -> None:
    """Nothing that is read is wrong; the same commands as before make a whole cache of it."""
    for words in (("cache", "list"), ("cache", "info")):
        assert program(*words, "--cache", cache)[0] == 0
    list(read(cache))
    mend(sound, cache)


def each_file(sound: Sound, cache: Path, tried: Callable[..., None], damage: str, files: list[str]) -> None:
    """Damage one file after the other in the same way, each in a cache of its own."""
    for file in files:
        try:
            damaged(sound, cache, DAMAGES[damage], file)
        except AssertionError as error:
            error.add_note(f"{file}, {damage}")
            raise
        tried("copied", "right")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_is_not_what_it_was(sound: Sound, tmp_path: Path, tried: Callable[..., None], damage: str) -> None:
    """Every fifth file; with the five damages every file has its turn."""
    turn = list(DAMAGES).index(damage)
    each_file(sound, tmp_path / "cache", tried, damage, sound.files()[turn :: len(DAMAGES)])


@pytest.mark.long
@pytest.mark.parametrize("damage", DAMAGES)
def test_every_file_is_not_what_it_was(sound: Sound, tmp_path: Path, tried: Callable[..., None], damage: str) -> None:
    each_file(sound, tmp_path / "cache", tried, damage, sound.files())


def copied(sound: Sound, cache: Path, seed: int) -> None:
    """A copy that was cut short: some of the files, the last of them in part, under the name of one that is whole."""
    order = random.Random(seed)
    files = sound.files()
    if seed % 2:  # rsync goes through a folder in order; others as they like
        order.shuffle(files)
    kept = files[: order.randrange(1, len(files))]
    for file in kept:
        (cache / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sound.cache / file, cache / file)
    last = cache / kept[-1]
    last.write_bytes(last.read_bytes()[: order.randrange(last.stat().st_size)])


def test_a_copy_that_was_cut_short(sound: Sound, tmp_path: Path, tried: Callable[..., None]) -> None:
    for seed in range(COPIES):
        copied(sound, tmp_path / f"{seed}", seed)
        mended(sound, tmp_path / f"{seed}")
        tried("copied", "right")


@pytest.mark.long
def test_many_copies_that_were_cut_short(sound: Sound, tmp_path: Path, tried: Callable[..., None]) -> None:
    for seed in range(COPIES, 10 * COPIES):
        copied(sound, tmp_path / f"{seed}", seed)
        mended(sound, tmp_path / f"{seed}")
        shutil.rmtree(tmp_path / f"{seed}")
        tried("copied", "right")


def swapped(path: Path) -> None:
    """A folder with something in it where a file was, a file where a folder was."""
    if path.is_dir():
        shutil.rmtree(path)
        path.write_text("mine")
    else:
        path.unlink()
        path.mkdir()
        (path / "notes.txt").write_text("mine")


def test_a_folder_for_a_file_and_a_file_for_a_folder(sound: Sound, tmp_path: Path, tried: Callable[..., None]) -> None:
    """What is in the way is ours to replace where the command would have replaced what was there, else it is named."""
    every = sorted(str(path.relative_to(sound.cache)) for path in sound.cache.rglob("*"))
    places = [place for place in every if "/" not in place or place.endswith(("run.json", "shards"))] + every[3::6]
    of_tasks = ("-first-", "-second-")  # an evaluation that is there does not look at what it was made of
    for place in dict.fromkeys(place for place in places if not any(part in place for part in of_tasks)):
        cache = tmp_path / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        shutil.copytree(sound.cache, cache)
        swapped(cache / place)
        assert program("cache", "list", "--cache", cache)[0] == 0
        list(read(cache))
        refusals = []
        for words in MEND:
            code, out, said = made(words, sound.data, cache)
            if code:
                assert (code, out) == (1, "")
                refusals.append(commands.sentence_of(code, out, said))
        if refusals:
            assert all(place.split("/")[0] in sentence for sentence in refusals), refusals
            assert (cache / place).exists(), place
        else:
            check_whole(cache, sound)
        tried("copied", "refused" if refusals else "right")
