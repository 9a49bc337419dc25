"""A file of annotations in COCO's form: images, categories, and one annotation an object or part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from vitscope.data import document
from vitscope.data.document import Node
from vitscope.data.files import count, is_bare
from vitscope.data.masks import LARGEST, Region, usable
from vitscope.data.pixels import MAX_PIXELS


@dataclass(frozen=True, slots=True)
class Picture:
    """What the file says of an image; sides in pixels."""

    name: str  # without folders
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Annotations:
    """What the file holds: pictures by id, their usable regions in order, categories by id, and what was left out."""

    pictures: dict[int, Picture]
    regions: dict[int, list[Region]] = field(default_factory=dict)
    labels: dict[int, str] = field(default_factory=dict)
    groups: dict[int, str] = field(default_factory=dict)  # super-categories
    left_out: dict[int | None, Counter[str]] = field(default_factory=dict)  # reasons, by image; None: unknown image
    total: int = 0  # annotations, those left out included


def read(path: Path, *, name: Callable[[Node], str] = Node.file_name) -> Annotations:
    """Everything in a file of annotations; `name` takes an image's file name apart.

    An annotation of an unknown image or category, or with a segmentation that cannot be drawn, is left out and counted.
    Raises DataError for a file that is not what it should be.
    """
    content = document.load(path)
    labels, groups = _categories(content.at("categories"))
    pictures = _pictures(content.at("images"), name)
    regions: dict[int, list[Region]] = {}
    left_out: dict[int | None, Counter[str]] = {}
    total = 0
    for node in content.at("annotations").items():
        image, region, reason = _annotation(node, pictures, labels)
        total += 1
        if reason:
            left_out.setdefault(image if image in pictures else None, Counter())[reason] += 1
        else:
            regions.setdefault(image, []).append(region)
    return Annotations(pictures, regions, labels, groups, left_out, total)


def base_name(node: Node) -> str:
    """The last part of a file name that may have folders before it, with either slash; raises DataError."""
    last = node.text().replace("\\", "/").rpartition("/")[2]
    if not is_bare(last):
        raise node.wrong("the name of a file")
    return last


def sentences(left_out: Iterable[Counter[str]]) -> tuple[str, ...]:
    """What was left out, in one sentence if anything was."""
    reasons: Counter[str] = sum(left_out, Counter())
    if not reasons:
        return ()
    listed = ", ".join(f"{number:,} with {reason}" for reason, number in sorted(reasons.items()))
    return (f"{count(reasons.total(), 'annotation')} left out: {listed}",)


def _categories(node: Node) -> tuple[dict[int, str], dict[int, str]]:
    """Names and super-categories by id."""
    labels: dict[int, str] = {}
    groups: dict[int, str] = {}
    for category in node.items():
        number = category.at("id").whole()
        if number in labels:
            raise category.at("id").wrong("an id that no other category has")
        group = category.get("supercategory")
        labels[number] = category.at("name").text()
        groups[number] = group.text() if group else ""
    if not labels:
        raise node.wrong("a list of categories")
    return labels, groups


def _pictures(node: Node, name: Callable[[Node], str]) -> dict[int, Picture]:
    """Images by id."""
    pictures: dict[int, Picture] = {}
    for image in node.items():
        number = image.at("id").whole()
        if number in pictures:
            raise image.at("id").wrong("an id that no other image has")
        height, width = (image.at(side).whole(1, LARGEST) for side in ("height", "width"))
        if height * width > MAX_PIXELS:
            raise image.at("height").wrong(f"that of an image of at most {MAX_PIXELS:,} pixels")
        pictures[number] = Picture(name(image.at("file_name")), height, width)
    if not pictures:
        raise node.wrong("a list of images")
    return pictures


def _annotation(node: Node, pictures: dict[int, Picture], labels: dict[int, str]) -> tuple[int, Region, str]:
    """The image's id, the region, and why it is left out, if it is."""
    image, label = node.at("image_id").whole(), node.at("category_id").whole()
    crowd, outline = node.get("iscrowd"), node.get("segmentation")
    segmentation = outline.value if outline else None
    region = Region(label, segmentation, crowd is not None and crowd.whole(0, 1) == 1)
    picture = pictures.get(image)
    if picture is None:
        return image, region, "an image that is not listed"
    if label not in labels:
        return image, region, "a category that is not listed"
    return image, region, usable(segmentation, picture.height, picture.width)
