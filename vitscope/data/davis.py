"""DAVIS-2017: short videos whose objects are outlined in every frame.

`ImageSets/2017/{split}.txt` names the videos, `JPEGImages/480p/<video>/*.jpg` are their frames, and
`Annotations/480p/<video>/*.png` their masks: palette images whose pixels are the numbers of objects, 0 for background.
"""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vitscope.data import files
from vitscope.data.pixels import MAX_PIXELS, quiet
from vitscope.data.records import ImageSet, Record, without_classes
from vitscope.errors import DataError, UnknownName

LAYOUT = "JPEGImages/480p/<video>/*.jpg, Annotations/480p/<video>/*.png and ImageSets/2017/val.txt"
BLOCK = 1 << 20  # pixels whose colours are looked up at a time
VOID = 255  # pixels that belong to nothing, in some frames
FRAMES: dict[str, int] = {
    "bike-packing": 69, "blackswan": 50, "bmx-trees": 80, "breakdance": 84, "camel": 90, "car-roundabout": 75,
    "car-shadow": 40, "cows": 104, "dance-twirl": 90, "dog": 60, "dogs-jump": 66, "drift-chicane": 52,
    "drift-straight": 50, "goat": 90, "gold-fish": 78, "horsejump-high": 50, "india": 81, "judo": 34, "kite-surf": 50,
    "lab-coat": 47, "libby": 49, "loading": 50, "mbike-trick": 79, "motocross-jump": 40, "paragliding-launch": 80,
    "parkour": 100, "pigs": 79, "scooter-black": 43, "shooting": 40, "soapbox": 99,
}  # of the validation videos; 1,999 in all  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sequence:
    """One video: frames in order, and the mask of each."""

    name: str
    frames: tuple[Path, ...]
    masks: tuple[Path, ...]


def read(root: Path, split: str = "val", sequences: Many[str] | None = None) -> tuple[Sequence, ...]:
    """The videos of a split in the order of its list, or those called `sequences`, in that order too.

    Raises DataError: not laid out so, a video without frames, a frame without a mask; UnknownName for a video that is
    not in the list.
    """
    whole = folder(root)
    listing = whole / "ImageSets" / "2017" / f"{split}.txt"
    if not listing.is_file():
        raise files.unlike(listing.parent, f"the list of videos of DAVIS-2017's split {split!r}", listing.name)
    listed = list(dict.fromkeys(files.lines(listing)))
    for name in listed:
        if not files.is_bare(name):
            raise DataError(f"{listing}: {name!r} is not the name of a video.")
    for name in sequences or ():
        if name not in listed:
            raise UnknownName("video", name, listed)
    chosen = [name for name in listed if sequences is None or name in sequences]
    if not chosen:
        raise DataError(f"{listing} names no video.")
    return tuple(_sequence(whole, name) for name in chosen)


def folder(root: Path) -> Path:
    """The folder that holds `JPEGImages` without links: `root`, or the folder DAVIS in it. Raises DataError."""
    inner = root / "DAVIS"
    whole = (inner if (inner / "JPEGImages").is_dir() else root).resolve()
    if not all((whole / above / "480p").is_dir() for above in ("JPEGImages", "Annotations")):
        raise files.unlike(whole, "DAVIS-2017", LAYOUT)
    return whole


def fingerprint(sequences: tuple[Sequence, ...]) -> str:
    """sha256 over the names and sizes of all frames and the bytes of all masks; raises DataError."""
    return files.digest(
        [one.name, frame.name, files.size(frame), files.sha256(mask)]
        for one in sequences
        for frame, mask in zip(one.frames, one.masks, strict=True)
    )


def notes(sequences: tuple[Sequence, ...], split: str = "val") -> tuple[str, ...]:
    """Sentences about missing frames, and counts that differ from the published ones."""
    frames = [(f"{one.name}/{path.name}", files.size(path)) for one in sequences for path in one.frames]
    found = [*files.missing(frames, "the data set")]
    counts = {one.name: len(one.frames) for one in sequences}
    if split == "val" and counts.keys() <= FRAMES.keys():
        if len(counts) < len(FRAMES):
            found.append(f"{len(counts)} of the {len(FRAMES)} videos of DAVIS-2017 val")
        differing = [name for name in counts if counts[name] != FRAMES[name]]
        found += [f"{name} as published has {FRAMES[name]} frames, this one {counts[name]}" for name in differing]
    return tuple(found)


def images(root: Path, *, limit: int | None = None, per_class: int | None = None) -> ImageSet:
    """All frames of the validation videos, without labels."""
    without_classes(per_class, root, "davis")
    whole, sequences = folder(root), read(root)
    paths = [path for one in sequences for path in one.frames][:limit]
    records = tuple(Record(path, path.relative_to(whole).as_posix(), None, files.size(path)) for path in paths)
    return ImageSet(f"{whole.name}-val", "davis", whole, records, (), notes=notes(sequences))


def _sequence(root: Path, name: str) -> Sequence:
    """The frames of a video with their masks."""
    pictures, outlines = root / "JPEGImages" / "480p" / name, root / "Annotations" / "480p" / name
    frames, masks = files.names(pictures, ".jpg", ".jpeg"), files.names(outlines, ".png")
    if not frames:
        raise DataError(f"{pictures} holds no frame: expected 00000.jpg and so on.")
    stems, outlined = ({Path(one).stem for one in paths} for paths in (frames, masks))
    if lost := sorted(stems ^ outlined):
        raise DataError(
            f"frames and masks of the video {name} do not match: of {lost[0]} there is only a "
            f"{'frame' if lost[0] in stems else 'mask'} ({len(frames)} frames, {len(masks)} masks in {outlines})."
        )
    return Sequence(name, tuple(pictures / one for one in frames), tuple(outlines / one for one in masks))


def palette() -> np.ndarray:
    """The 256 colours of PASCAL VOC, uint8 (256, 3): the bits of a number, dealt to red, green, blue, highest first.

    >>> palette()[:5].tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128]]
    """
    number = np.arange(256)[:, None]
    colours = np.zeros((256, 3), dtype=np.uint8)
    for step in range(8):
        bit = (number >> (3 * step + np.arange(3))) & 1
        colours |= (bit << (7 - step)).astype(np.uint8)
    return colours


def read_mask(path: Path) -> np.ndarray:
    """The numbers of objects in a mask, uint8 (height, width): 0 is background, VOID belongs to nothing.

    The colours say which number is meant: programs that repack PNG files may renumber a palette, and a mask that was
    saved as RGB has none. A palette without VOC's colours is read as its numbers are. Raises DataError for a file that
    is no such PNG, and for grey ones, which have lost the numbers.
    """
    try:
        with quiet, Image.open(path, formats=("PNG",)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DataError(f"{path} has {image.width} × {image.height} pixels, too many for a mask.")
            image.load()
            return _numbers(image, path)
    except DataError:
        raise
    except Exception as error:  # decoders raise any class on damaged files
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(f"the mask {path} cannot be read: {reason}.") from None


def write_mask(path: Path, numbers: np.ndarray) -> None:
    """Write uint8 (height, width) as a palette PNG with VOC's colours, as the official tool reads it; OSError."""
    image = Image.fromarray(np.ascontiguousarray(numbers, dtype=np.uint8))
    image.putpalette(palette().tobytes())
    image.save(path, format="PNG")


def _numbers(image: Image.Image, path: Path) -> np.ndarray:
    """The numbers that a loaded image's colours stand for."""
    if image.mode == "P":
        numbers = np.array(image, dtype=np.uint8)
        table = np.array(image.getpalette("RGB"), dtype=np.uint8).reshape(-1, 3)
        used = np.unique(numbers)
        known = _known()
        if used[-1] < len(table) and all(tuple(table[one]) in known for one in used.tolist()):
            renumbered = np.zeros(256, dtype=np.uint8)
            renumbered[used] = [known[tuple(table[one])] for one in used.tolist()]
            return renumbered[numbers]
        return numbers
    if image.mode not in {"RGB", "RGBA"}:
        raise DataError(f"the mask {path} has no palette (mode {image.mode}), so its objects have no numbers.")
    pixels, numbers = np.asarray(image.convert("RGB")), np.empty((image.height, image.width), dtype=np.uint8)
    codes = _code(palette())
    order = np.argsort(codes)
    step = max(1, BLOCK // image.width)
    for top in range(0, image.height, step):
        wanted = _code(pixels[top : top + step])
        found = order[np.minimum(np.searchsorted(codes, wanted, sorter=order), len(order) - 1)]
        if not np.array_equal(codes[found], wanted):
            raise DataError(f"the mask {path} has no palette, and colours that stand for no object.")
        numbers[top : top + step] = found
    return numbers


def _code(colours: np.ndarray) -> np.ndarray:
    """One number for each colour (…, 3)."""
    red, green, blue = np.moveaxis(colours.astype(np.uint32), -1, 0)
    return red << 16 | green << 8 | blue


def _known() -> dict[tuple[int, ...], int]:
    """The number of every colour of the palette."""
    return {tuple(colour): number for number, colour in enumerate(palette().tolist())}
