"""Labels of ImageNet's validation images where these lie in one folder: from Kaggle's table or the development kit."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path, PurePath

from vitscope.data import files
from vitscope.errors import DataError

WNID = re.compile(r"n\d{8}")
TABLE = "LOC_val_solution.csv"
KITS = ("ILSVRC2012_devkit_t12/data", "devkit/data")
LARGEST = 16 << 20  # bytes of meta.mat, which has less than a hundredth of that
MEMORY = 2 << 30  # bytes that reading it may take
PATIENCE = 120  # seconds that it may take
ABOVE = 4  # folders above the images in which labels are looked for: Kaggle has them that far up


def labels(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The wnid of every image in `folder` by its name; raises DataError if there are no labels or some are missing.

    Kaggle's table says for each image its wnid; the development kit says for the n-th image a number from 1 to 1000,
    which is not the rank of the wnid: its `meta.mat` has the wnid of each number.
    """
    names = list(names)
    for above in (folder, *folder.parents[:ABOVE]):
        if (above / TABLE).is_file():
            known = _table(above / TABLE)
            return _all(above / TABLE, {name: known.get(PurePath(name).stem) for name in names})
        for kit in KITS:
            if (above / kit / "ILSVRC2012_validation_ground_truth.txt").is_file():
                wnids = _kit(above / kit)
                return _all(above / kit, {name: _numbered(name, wnids) for name in names})
    raise DataError(
        f"the images in {folder} are in no class folders, and their labels are not there: neither {TABLE} nor "
        f"{KITS[0]} was found beside or above them."
    )


def _all(source: Path, found: dict[str, str | None]) -> dict[str, str]:
    """What was found, if it is everything."""
    lost = [name for name, wnid in found.items() if wnid is None]
    if lost:
        raise DataError(f"{source} has no label for {files.count(len(lost), 'image')}, first {lost[0]}.")
    return {name: wnid for name, wnid in found.items() if wnid is not None}


def _table(path: Path) -> dict[str, str]:
    """The wnid of every image in Kaggle's table: the first word of its prediction string."""
    try:
        rows = list(csv.reader(files.lines(path)))
    except csv.Error as error:  # such as a quotation mark that is never closed
        raise DataError(f"{path} is no table: {error}.") from None
    if not rows or rows[0][:2] != ["ImageId", "PredictionString"]:
        raise DataError(f"{path} must begin with the line ImageId,PredictionString.")
    known = {}
    for row in rows[1:]:
        wnid = row[1].split(" ", 1)[0] if len(row) > 1 else ""
        if not WNID.fullmatch(wnid):
            raise DataError(f"{path}: the row of {row[0]!r} names no class such as n01440764.")
        known[row[0]] = wnid
    return known


def _numbered(name: str, wnids: list[str]) -> str | None:
    """The wnid of ILSVRC2012_val_00000001.JPEG and so on."""
    match = re.fullmatch(r"ILSVRC2012_val_(\d{8})", PurePath(name).stem)
    number = int(match[1]) if match else 0
    return wnids[number - 1] if 0 < number <= len(wnids) else None


def _kit(folder: Path) -> list[str]:
    """The wnid of every validation image in order."""
    source = folder / "ILSVRC2012_validation_ground_truth.txt"
    wnid_of = _synsets(folder / "meta.mat")
    lines = files.lines(source)
    if not all(line.isdecimal() and len(line) < 6 and int(line) in wnid_of for line in lines):
        raise DataError(f"{source} must hold a number of a class of meta.mat in every line.")
    return [wnid_of[int(line)] for line in lines]


def _synsets(path: Path) -> dict[int, str]:
    """The wnid of each ILSVRC2012_ID that is a class, in the kit's `meta.mat`."""
    files.content(path, LARGEST)
    command = [sys.executable, "-P", "-m", "vitscope.data.devkit", str(path.absolute())]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
        rows = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError):
        raise DataError(
            f"{path} is not the development kit's list of classes, or it is damaged: copy it again."
        ) from None
    found = dict(rows)
    if not all(WNID.fullmatch(wnid) for wnid in found.values()):
        raise DataError(f"{path} must name classes such as n01440764.")
    return found


def _of_matlab(path: str) -> list[tuple[int, str]]:
    """ILSVRC2012_ID and WNID of the classes in `meta.mat`; raises anything, or ends the process, for a damaged file."""
    from scipy.io import loadmat  # noqa: PLC0415 - the only thing here that needs it

    rows = loadmat(path, squeeze_me=True, variable_names=["synsets"])["synsets"]
    return [(int(row["ILSVRC2012_ID"]), str(row["WNID"])) for row in rows if int(row["num_children"]) == 0]


if __name__ == "__main__":  # a process of its own: scipy's parser can be made to read memory that is not its own
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.write(json.dumps(_of_matlab(sys.argv[1])))
