"""Caches and data sets of which every string is hostile."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.fuzz.stores import documents, forge

STRINGS = {
    "escape": "\x1b[2J\x1b]0;title\x07\x1bP1$r\x1b\\",
    "c1": "a\x9b31mb\x9d0;x\x9c\x85",
    "bidi": "user\u202egnp.exe\u2066x\u2069\u200f",
    "marks": "z" + "\u0351\u0489" * 60,
    "invisible": "a\u200b\u200d\ufeff\u2060\u00adb",
    "lines": "one\r\ntwo\u2028three\x0b\x0cfour\tfive\x08",
    "wide": "漢字🦀👨‍👩‍👧ｗｉｄｅ",
    "markup": "[bold red]x[/] </text><script>alert(1)</script>&amp;\"'$\\frac{1}{0}$ _^ %s {x}",
    "formula": '=HYPERLINK("http://example.org/?"&A1,"x")',
    "odd": "\ud800\udfff\uffff\ue000\U000e0041x",
}
"""By what each tries."""

OURS = re.compile(r"\x1b\[[0-9;]*m|\r?\x1b\[(2K|1A|\?25[lh])|\r(?=\x1b\[2K)")
"""Colours, and what a progress bar moves with."""


def replaced(value: Any, text: str) -> Any:
    """A value of JSON with `text` behind every string that says something to a person."""
    if isinstance(value, str):
        return f"{value}{text}" if not text.startswith("=") else text
    if isinstance(value, list):
        return [replaced(item, text) for item in value]
    if isinstance(value, dict):
        return {name: replaced(item, text) for name, item in value.items()}
    return value


def cache(folder: Path, text: str) -> Path:
    """A cache of an extraction and two evaluations, with `text` in all names and facts that may be anything."""
    every = documents(folder / "made")
    for document in every.values():
        run = document["run"]
        for name in ("model", "dataset", "preprocess", "normalization", "weights", "images"):
            run["spec"][name] = replaced(run["spec"][name], text)
        run["spec"]["settings"] = {text: text, "list": [text]}
        run["geometry"]["prefix"] = ["cls"]
        own = {"classes", "device", "command", "versions", "dataset", "data"}
        run |= {name: replaced(value, text) for name, value in run.items() if name in own}
        run |= {
            "checkpoint": {"file": text, "sha256": text, "path": text}, "notes": [text, text], "versions": {text: text},
            "skipped": [{"name": text, "reason": text}], "passes": [{"metrics": [text], "device": text}], "counts": {text: 3},
            "device": text, "data": text,
        }  # fmt: skip
        for name, fields in document.items():
            if name != "run":
                _strings_of(fields, text)
    forge(every, folder / "cache")
    for number, path in enumerate(sorted((folder / "cache").iterdir())):
        os.rename(path, path.with_name(f"{number}{file_name(text)}-{number:08x}"))
    return folder / "cache"


def _strings_of(fields: dict[str, Any], text: str) -> None:
    """Put `text` into the names of images and classes, and into units."""
    for dim in ("image", "class"):
        if dim in fields["coords"]:
            fields["coords"][dim] = [f"{text}{number}" for number, _ in enumerate(fields["coords"][dim])]


def file_name(text: str) -> str:
    """What a file system takes of `text` as a name."""
    return os.fsdecode(text.replace("/", "").replace("\0", "").encode("utf-8", "replace")[:120])


def photographs(folder: Path) -> Path:
    """Images, and one that is none, in class folders: every name is hostile."""
    for text in STRINGS.values():
        place = folder / f"c{file_name(text)}"
        place.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x010E] = exif[0x9286] = text.encode("utf-8", "replace").decode()
        Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(place / f"i{file_name(text)}.jpg", "JPEG", exif=exif)
        (place / f"broken{file_name(text)}.png").write_bytes(b"no image " + text.encode("utf-8", "replace"))
    return folder


def steers(output: str) -> list[str]:
    """What in a command's output a terminal would not simply show; colours, bars and line breaks are ours."""
    return [char for line in OURS.sub("", output).split("\n") for char in line if not char.isprintable()]
