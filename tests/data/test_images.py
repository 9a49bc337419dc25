"""Which files of a folder are images, in which order, and of which class."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitscope import catalog
from vitscope.data.images import SUFFIXES, read
from vitscope.data.records import ImageSet, Record
from vitscope.errors import DataError


def make(root: Path, *names: str) -> Path:
    """Files below `root`, each one byte longer than the one before; a name that ends in "/" is an empty folder."""
    for name, size in zip(names, count(1)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).mkdir() if name.endswith("/") else (root / name).write_bytes(bytes(size))
    return root


def names(images: ImageSet) -> list[str]:
    return [record.name for record in images.records]


def labels(images: ImageSet) -> list[str | None]:
    return [None if record.label is None else images.classes[record.label] for record in images.records]


def test_a_flat_folder(tmp_path):
    images = read(make(tmp_path / "my photos", "b.png", "a.jpg", "c.txt"))
    assert (images.name, images.kind, images.root, images.classes) == (
        "my photos",
        "images",
        tmp_path / "my photos",
        (),
    )
    assert images.records == (
        Record(tmp_path / "my photos/a.jpg", "a.jpg", None, 2),
        Record(tmp_path / "my photos/b.png", "b.png", None, 1),
    )
    assert images.kind in catalog.DATASETS


def test_class_folders(tmp_path):
    images = read(make(tmp_path, "zebra/1.jpg", "ape/deep/er/2.jpg", "ape/1.jpg", "README.md", "notes/x.txt", "none/"))
    assert images.classes == ("ape", "zebra")
    assert names(images) == ["ape/1.jpg", "ape/deep/er/2.jpg", "zebra/1.jpg"]
    assert labels(images) == ["ape", "ape", "zebra"]


def test_one_class_folder_is_a_class(tmp_path):
    assert read(make(tmp_path, "ape/1.jpg")).classes == ("ape",)


def test_an_image_at_the_top_makes_the_folder_flat(tmp_path):
    images = read(make(tmp_path, "ape/1.jpg", "zebra/1.jpg", "cover.jpg"))
    assert (images.classes, names(images)) == ((), ["ape/1.jpg", "cover.jpg", "zebra/1.jpg"])
    assert labels(images) == [None] * 3


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_suffixes_in_any_case(tmp_path, suffix):
    images = read(
        make(tmp_path, f"a.{suffix}", f"b.{suffix.upper()}", f"c.{suffix.title()}", suffix, f"d.{suffix}.txt")
    )
    assert names(images) == [f"a.{suffix}", f"b.{suffix.upper()}", f"c.{suffix.title()}"]


def test_leftovers_are_not_images(tmp_path):
    make(
        tmp_path,
        "a/1.jpg",
        "a/._1.jpg",
        "a/.DS_Store",
        ".hidden/2.jpg",
        "__MACOSX/a/3.jpg",
        ".4.jpg",
        "lost+found/5.jpg",
    )
    images = read(tmp_path)
    assert (names(images), images.classes) == (["a/1.jpg"], ("a",))


def test_a_hidden_folder_can_be_read_when_asked_for(tmp_path):
    assert names(read(make(tmp_path / ".photos", "1.jpg"))) == ["1.jpg"]


@given(st.lists(st.text("aZ-. é", min_size=1, max_size=4), min_size=2, max_size=3))
def test_order_is_plain_string_order(tmp_path_factory, parts):
    root = tmp_path_factory.mktemp("order")
    make(root, "a/1.jpg", "a-b/1.jpg", "a.jpg/1.jpg", "a/-/1.jpg", "a/b.jpg", "B/1.jpg", "10/1.jpg", "9/1.jpg")
    make(root, f"x{'/x'.join(parts)}.jpg")
    found = names(read(root))
    assert found == sorted(found)
    assert len(found) == 9


def test_limit_takes_the_first_images_and_their_classes(tmp_path):
    make(tmp_path, *(f"{name}/{number:02}.jpg" for name in ("a", "a-b", "c") for number in range(12)))
    whole = read(tmp_path)
    assert whole.classes == ("a", "a-b", "c")
    for limit in (1, 12, 13, 30, 99):
        assert names(read(tmp_path, limit=limit)) == names(whole)[:limit]
    assert read(tmp_path, limit=12).classes == ("a-b",)


def test_per_class_takes_the_first_images_of_each(tmp_path):
    make(tmp_path, "a/1.txt", "a/2.jpg", "a/3.jpg", "a/4.jpg", "b/1.jpg", "c/x/1.jpg", "c/x/2.jpg", "c/0.jpg")
    images = read(tmp_path, per_class=2)
    assert names(images) == ["a/2.jpg", "a/3.jpg", "b/1.jpg", "c/0.jpg", "c/x/1.jpg"]
    assert labels(images) == ["a", "a", "b", "c", "c"]
    assert names(read(tmp_path, per_class=2, limit=3)) == ["a/2.jpg", "a/3.jpg", "b/1.jpg"]


def test_per_class_needs_classes(tmp_path):
    with pytest.raises(DataError, match="--per-class needs class folders"):
        read(make(tmp_path, "1.jpg"), per_class=2)
    with pytest.raises(DataError, match="is one image"):
        read(tmp_path / "1.jpg", per_class=2)


@pytest.mark.parametrize("option", ["limit", "per_class"])
def test_less_than_one_image_is_no_selection(tmp_path, option):
    with pytest.raises(DataError, match=f"--{option.replace('_', '-')} 0 keeps no image"):
        read(make(tmp_path, "a/1.jpg"), **{option: 0})


def test_one_file_is_a_set_of_one(tmp_path):
    path = make(tmp_path, "my cat.JPG") / "my cat.JPG"
    images = read(path)
    assert (images.name, images.root, images.classes) == ("my cat.JPG", tmp_path, ())
    assert images.records == (Record(path, "my cat.JPG", None, 1),)


def test_the_current_folder_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(make(tmp_path / "photos", "1.jpg"))
    assert read(Path()).name == "photos"


def test_errors_say_what_was_found(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: no folder or file of images there \(No such file or directory\)"):
        read(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"\.bmp, \.jpeg, .*, found no files at all"):
        read(make(tmp_path / "empty", "a/b/"))
    make(tmp_path / "texts", "1.TXT", "a/2.txt", "a/3.pdf", "Makefile")
    with pytest.raises(DataError, match=r"found 4 other files \(2 × \.txt, 1 × (no suffix|\.pdf)"):
        read(tmp_path / "texts")
    with pytest.raises(DataError, match=r"1\.TXT is neither a folder nor a file with one of the suffixes \.bmp"):
        read(tmp_path / "texts/1.TXT")
    with pytest.raises(DataError, match="File name too long"):
        read(tmp_path / ("x" * 5000))


def listing_fails(monkeypatch, error: OSError) -> None:
    """Let the system refuse to list a folder called "b"."""
    scandir = os.scandir

    def refused(path):
        if Path(path).name == "b":
            raise error
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)


def test_a_folder_that_goes_while_it_is_listed_holds_nothing(tmp_path, monkeypatch):
    make(tmp_path, "a/1.jpg", "b/1.jpg")
    listing_fails(monkeypatch, FileNotFoundError(2, "No such file or directory"))
    assert names(read(tmp_path, limit=10**30)) == ["a/1.jpg"]


def test_a_folder_that_may_not_be_read_is_an_error(tmp_path, monkeypatch):
    make(tmp_path, "a/1.jpg", "b/1.jpg")
    listing_fails(monkeypatch, PermissionError(13, "Permission denied"))
    with pytest.raises(DataError, match=r"the folder .*b cannot be read \(Permission denied\): make it readable"):
        read(tmp_path)
    assert names(read(tmp_path, limit=1)) == ["a/1.jpg"]  # nothing is read that is not wanted


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_size_that_the_system_does_not_tell_is_an_error(tmp_path, monkeypatch, number):
    make(tmp_path, "1.jpg", "2.jpg")
    stat = Path.stat

    def denied(path, **options):
        if path.name == "2.jpg":
            raise OSError(number, os.strerror(number), str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", denied)
    with pytest.raises(DataError, match=rf"2\.jpg cannot be looked at: {os.strerror(number)}\."):
        read(tmp_path)
    assert names(read(tmp_path, limit=1)) == ["1.jpg"]


def test_links_are_followed(tmp_path):
    make(tmp_path / "elsewhere", "1.jpg", "2.jpg")
    make(tmp_path / "data", "b/1.jpg")
    (tmp_path / "data/a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/b/2.jpg").symlink_to(tmp_path / "elsewhere/2.jpg")
    images = read(tmp_path / "data")
    assert names(images) == ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"]
    assert images.records[-1].size == 2


def test_loops_end(tmp_path):
    make(tmp_path, "a/1.jpg", "b/1.jpg")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "b/self").symlink_to(tmp_path / "b")
    (tmp_path / "itself.jpg").symlink_to(tmp_path / "itself.jpg")
    assert names(read(tmp_path)) == ["a/1.jpg", "b/1.jpg", "itself.jpg"]


def test_a_link_that_leads_nowhere_stays_in_the_list(tmp_path):
    make(tmp_path, "1.jpg")
    (tmp_path / "2.jpg").symlink_to(tmp_path / "nowhere")
    images = read(tmp_path)
    assert (names(images), images.records[1].size) == (["1.jpg", "2.jpg"], 0)


def test_pipes_are_not_images(tmp_path):
    make(tmp_path, "1.jpg")
    os.mkfifo(tmp_path / "2.jpg")
    (tmp_path / "3.jpg").symlink_to(tmp_path / "2.jpg")
    assert names(read(tmp_path)) == ["1.jpg"]
    with pytest.raises(DataError, match="neither a folder nor a file"):
        read(tmp_path / "2.jpg")


def test_names_that_are_not_unicode(tmp_path):
    name = os.fsdecode(b"caf\xe9")
    try:
        make(tmp_path, f"{name}/{name}.jpg")
    except OSError:
        assert sys.platform == "darwin"  # whose file systems only take Unicode
        return
    images = read(tmp_path)
    assert (names(images), images.classes) == ([f"{name}/{name}.jpg"], (name,))
    assert len(images.fingerprint) == 64


def test_the_fingerprint_knows_names_sizes_labels_and_order(tmp_path):
    one, two = Record(tmp_path, "a.jpg", 0, 10), Record(tmp_path, "b.jpg", 1, 20)

    def fingerprint(*records: Record) -> str:
        return ImageSet("x", "images", tmp_path, records, ("a", "b")).fingerprint

    others = [
        (two, one),
        (one,),
        (one, Record(tmp_path, "b.jpg", 0, 20)),
        (one, Record(tmp_path, "b.jpg", None, 20)),
        (one, Record(tmp_path, "b.jpg", 1, 21)),
        (one, Record(tmp_path, "c.jpg", 1, 20)),
        (Record(tmp_path, 'a.jpg", 10, 0]\n["b.jpg', 1, 20),),
    ]
    assert len({fingerprint(one, two), *(fingerprint(*records) for records in others)}) == 1 + len(others)


def test_the_fingerprint_does_not_know_where_the_folder_is(tmp_path):
    first, second = (read(make(tmp_path / name, "a/1.jpg", "b/2.jpg")) for name in ("here", "there"))
    assert first.fingerprint == second.fingerprint


def test_the_fingerprint_can_be_made_by_hand(tmp_path):
    lines = b'["a/\\u00e9.jpg", 1, 0]\n["b/2.jpg", 2, 1]\n'
    assert read(make(tmp_path, "a/é.jpg", "b/2.jpg")).fingerprint == hashlib.sha256(lines).hexdigest()
