"""A cache exported into a folder that needs nothing else: tables, arrays, figures, and a page that explains them.

The folder appears whole or not at all, and the same cache gives the same bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from vitscope.errors import NotMeasured, StoreError, ViewError
from vitscope.export.arrays import archive
from vitscope.export.data import csv_bytes
from vitscope.export.sheets import Section, Sheet
from vitscope.store.files import sync_folder, temporary
from vitscope.store.reader import Cache
from vitscope.store.text import shown
from vitscope.views import View

FORMATS = ("csv", "npz", "figures")
PICTURES = ("png", "svg")  # the page shows the first and links to the second
ARRAYS = "arrays.npz"
PAGE = "index.html"


@dataclass(frozen=True)
class Page:
    """A sheet as it was exported: its views and files, or why it was left out."""

    sheet: Sheet
    views: list[View] = field(default_factory=list)
    files: list[str] = field(default_factory=list)  # relative to the folder of the export
    keys: list[str] = field(default_factory=list)  # in the section's arrays.npz
    left_out: str = ""


@dataclass(frozen=True)
class Chapter:
    """A section as it was exported."""

    section: Section
    pages: list[Page]


def planned(sections: Sequence[Section], formats: Sequence[str]) -> list[str]:
    """The files that an export writes where every view applies."""
    files = [PAGE]
    for section in sections:
        files += [f"{section.folder}/{ARRAYS}"] if "npz" in formats else []
        files += [name for sheet in section.sheets for name in _files(section, sheet, formats)]
    return files


def export(
    cache: Cache,
    sections: Sequence[Section],
    target: Path,
    formats: Sequence[str],
    progress: Callable[[int, int], None],
) -> list[Chapter]:
    """Write `sections` as `formats` (of FORMATS) into `target`, which must be new or empty; what was written.

    What a run lacks is left out, and the page says why. Raises StoreError for a folder that is in use or cannot be
    written and for damaged runs; nothing is left of such an export.
    """
    check_free(target)
    total, done = sum(len(section.sheets) for section in sections), 0
    chapters = []
    with _whole(target) as folder:
        for section in sections:
            pages = []
            with ExitStack() as stack:
                (folder / section.folder).mkdir()
                arrays = None
                if "npz" in formats:
                    file = stack.enter_context((folder / section.folder / ARRAYS).open("xb"))
                    arrays = stack.enter_context(archive(file))
                for sheet in section.sheets:
                    progress(done, total)
                    page = _page(cache, section, sheet, folder, formats)
                    if arrays is not None and len(page.views) == 1:
                        page.keys.extend(arrays.add(sheet.name, page.views[0]))
                    pages.append(page)
                    done += 1
            chapters.append(Chapter(section, pages))
        from vitscope.export.page import page_of

        (folder / PAGE).write_text(page_of(chapters, formats), encoding="utf-8")
        progress(done, total)
    return chapters


def check_free(target: Path) -> None:
    """StoreError unless `target` is new, or an empty folder, in a folder that is there."""
    try:
        if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
            raise StoreError(
                f"{shown(target)} is there already, and nothing is written over it: choose a new folder with --to, or "
                "remove that one first."
            )
        if not target.parent.is_dir():
            raise StoreError(f"cannot write {shown(target)}: there is no folder {shown(target.parent)}.")
    except OSError as error:
        raise _unwritable(target, error) from error


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A folder to fill that becomes `target` when the block ends well, else vanishes."""
    folder = temporary(target.parent)
    try:
        folder.mkdir()
        yield folder
        sync_folder(folder)
        check_free(target)
        folder.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unwritable(target: Path, error: OSError) -> StoreError:
    reason = (error.strerror or str(error)).lower()
    return StoreError(f"cannot write the export {shown(target)}: {reason}; nothing of it was kept.")


def _page(cache: Cache, section: Section, sheet: Sheet, folder: Path, formats: Sequence[str]) -> Page:
    """Write the table and the figures of one sheet."""
    try:
        views = sheet.views(cache)
    except (NotMeasured, ViewError) as error:
        return Page(sheet, left_out=str(error))
    files = _files(section, sheet, formats)
    for name in files:
        with (folder / name).open("xb") as file:
            _write(file, views, name.rpartition(".")[2])
    return Page(sheet, views, files)


def _write(file: BinaryIO, views: list[View], form: str) -> None:
    from vitscope.export.figure import figure

    file.write(csv_bytes(views) if form == "csv" else figure(views, form))


def _files(section: Section, sheet: Sheet, formats: Sequence[str]) -> list[str]:
    """The files of a sheet, without that of the section's arrays."""
    forms = [*(["csv"] if "csv" in formats else []), *(PICTURES if "figures" in formats else [])]
    return [f"{section.folder}/{sheet.name}.{form}" for form in forms]
