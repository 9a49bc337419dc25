"""SPair-71k: pairs of photographs of one category, with the keypoints that both show.

`PairAnnotation/{trn,val,test}/<id>-<source>-<target>:<category>.json` and `JPEGImages/<category>/<name>.jpg`. Where an
archive was unpacked by a program that may not write a colon, an underscore stands for it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from vitscope.data import document, files
from vitscope.data.document import Node
from vitscope.data.records import ImageSet, Record, without_classes
from vitscope.errors import DataError

LAYOUT = "PairAnnotation/{trn,val,test}/*:<category>.json and JPEGImages/<category>/*.jpg"
PUBLISHED = {"trn": 53340, "val": 5384, "test": 12234}  # pairs
CATEGORIES = frozenset(
    (
        *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "dog", "horse"),
        *("motorbike", "person", "pottedplant", "sheep", "train", "tvmonitor"),
    )
)
Box = tuple[float, float, float, float]
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Side:
    """One photograph of a pair: width and height in pixels, the object's box, and its keypoints."""

    path: Path
    name: str  # path relative to the root
    size: int  # in bytes; 0 if the file is missing
    width: int
    height: int
    box: Box  # left, top, right, bottom
    points: Points  # x, y; the same keypoints in both photographs of a pair, in the same order


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photographs of one category; `ids` name the keypoints."""

    name: str  # as published, with a colon
    category: str
    source: Side
    target: Side
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SPair:
    """The pairs of a split, by category and then by name, in string order."""

    name: str
    root: Path
    categories: tuple[str, ...]  # those that have a pair, sorted
    pairs: tuple[Pair, ...]
    fingerprint: str  # sha256 over names, sizes, boxes and keypoints
    notes: tuple[str, ...]


def read(root: Path, split: str = "test") -> SPair:
    """All pairs of a split. Pairs that share no keypoint, are mirrored, or have a keypoint outside of its photograph or
    a box without area are left out and counted.

    Raises DataError: not laid out so, a file whose content is not what it should be or contradicts its name.
    """
    root = _tree(root, split)
    folder = root / "PairAnnotation" / split
    known = files.names(root / "JPEGImages")
    sizes: dict[Path, int] = {}
    pairs: dict[str, Pair] = {}
    left_out: Counter[str] = Counter()
    for file in files.names(folder, ".json"):
        category, name = _name(folder / file, known)
        if name in pairs:
            left_out["the same name as another, but for the colon"] += 1
            continue
        pair, reason = _pair(root, document.load(folder / file), category, name, sizes)
        if reason:
            left_out[reason] += 1
        else:
            pairs[name] = pair
    if not pairs:
        raise DataError(f"{folder} holds no pair that can be used: expected files as 000001-a-b:<category>.json.")
    ordered = tuple(sorted(pairs.values(), key=lambda pair: (pair.category, pair.name)))
    categories = tuple(sorted({pair.category for pair in ordered}))
    return SPair(
        name=f"{root.name}-{split}",
        root=root,
        categories=categories,
        pairs=ordered,
        fingerprint=files.digest(_content(pair) for pair in ordered),
        notes=(
            *files.missing(
                ((path.relative_to(root).as_posix(), size) for path, size in sizes.items()), "PairAnnotation"
            ),
            *(f"{files.count(number, 'pair')} left out: {reason}" for reason, number in sorted(left_out.items())),
            *_published(root, split, pairs, categories, left_out.total()),
        ),
    )


def images(root: Path, *, limit: int | None = None, per_class: int | None = None) -> ImageSet:
    """The photographs of the test pairs, each once, in order of their names, without labels."""
    without_classes(per_class, root, "spair")
    found = read(root)
    sides = {side.name: side for pair in found.pairs for side in (pair.source, pair.target)}
    records = tuple(Record(sides[name].path, name, None, sides[name].size) for name in sorted(sides)[:limit])
    return ImageSet(found.name, "spair", found.root, records, (), notes=found.notes)


def _tree(root: Path, split: str) -> Path:
    """The folder that holds `PairAnnotation`, without links: `root`, or the folder SPair-71k in it."""
    inner = root / "SPair-71k"
    whole = (inner if (inner / "PairAnnotation").is_dir() else root).resolve()
    if split not in PUBLISHED:
        raise DataError(f"SPair-71k has no split called {split!r}: there are {', '.join(PUBLISHED)}.")
    if not (whole / "PairAnnotation" / split).is_dir() or not (whole / "JPEGImages").is_dir():
        raise files.unlike(whole, "SPair-71k", LAYOUT)
    return whole


def _name(path: Path, known: list[str]) -> tuple[str, str]:
    """The category at the very end of a pair file's name, and the name with its colon; raises DataError."""
    stem = path.name[: -len(".json")]
    before, colon, category = stem.rpartition(":")
    if not colon:
        ending = [one for one in known if stem.endswith(f"_{one}")]
        category = max(ending, key=len, default="")
        before = stem[: -len(category) - 1]
    if category not in known:
        raise DataError(
            f"{path} names no category that has a folder in JPEGImages: expected <id>-<a>-<b>:<category>.json."
        )
    return category, f"{before}:{category}"


def _pair(root: Path, node: Node, category: str, name: str, sizes: dict[Path, int]) -> tuple[Pair, str]:
    """A pair, and why it is left out, if it is."""
    if node.at("category").text() != category:
        raise node.at("category").wrong(f"{category!r}, as the file is called")
    ids = tuple(item.text() for item in node.at("kps_ids").items())
    sides = []
    for prefix in ("src", "trg"):
        points = node.at(f"{prefix}_kps")
        side = _side(root / "JPEGImages" / category, root, node, prefix, sizes)
        if len(side.points) != len(ids):
            raise points.wrong(f"a list of {len(ids)} points, as many as kps_ids has names")
        sides.append(side)
    mirror = node.get("mirror")
    pair = Pair(name, category, sides[0], sides[1], ids)
    return pair, "they are mirrored" if mirror is not None and mirror.whole() else _unusable(pair)


def _unusable(pair: Pair) -> str:
    """Why matches of a pair cannot be judged; an empty string if they can."""
    if not pair.ids:
        return "they share no keypoint"
    for side in (pair.source, pair.target):
        left, top, right, bottom = side.box
        if not (left < right and top < bottom):
            return "a box without area"
        if not all(0 <= x <= side.width and 0 <= y <= side.height for x, y in side.points):
            return "a keypoint outside of its photograph"
    return ""


def _side(folder: Path, root: Path, node: Node, prefix: str, sizes: dict[Path, int]) -> Side:
    """One photograph of a pair: `prefix` is src or trg."""
    path = folder / node.at(f"{prefix}_imname").file_name()
    if path not in sizes:
        sizes[path] = files.size(path)
    shape = node.at(f"{prefix}_imsize")
    dimensions = [side.whole(1, 65_500) for side in shape.items()]
    if len(dimensions) != 3:
        raise shape.wrong("a list of width, height and 3")
    width, height, _ = dimensions
    left, top, right, bottom = node.at(f"{prefix}_bndbox").numbers(4)
    points: list[tuple[float, float]] = []
    for point in node.at(f"{prefix}_kps").items():
        x, y = point.numbers(2)
        points.append((x, y))
    name = path.relative_to(root).as_posix()
    return Side(path, name, sizes[path], width, height, (left, top, right, bottom), tuple(points))


def _content(pair: Pair) -> list[object]:
    """Everything about a pair that decides a number."""
    sides = [[one.name, one.size, one.width, one.height, one.box, one.points] for one in (pair.source, pair.target)]
    return [pair.name, pair.category, *sides, pair.ids]


def _published(
    root: Path, split: str, pairs: dict[str, Pair], categories: tuple[str, ...], left_out: int
) -> tuple[str, ...]:
    """Sentences about pairs that the layout names and that are not there, and about the number of pairs."""
    found = []
    layout = root / "Layout" / "large" / f"{split}.txt"
    if layout.is_file():
        listed = [line if ":" in line else ":".join(line.rsplit("_", 1)) for line in files.lines(layout)]
        lost = [name for name in listed if name not in pairs]
        if len(lost) > left_out:
            number = f"{len(lost) - left_out:,} of the {len(listed):,} pairs"
            found.append(f"{number} that Layout/large/{split}.txt names are not there, first {lost[0]}")
    if categories and CATEGORIES.issuperset(categories) and len(pairs) + left_out != PUBLISHED[split]:
        here = len(pairs) + left_out
        found.append(f"SPair-71k {split} as published has {PUBLISHED[split]:,} pairs, this one {here:,}")
    return tuple(found)
