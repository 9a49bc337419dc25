"""Ground truth in JSON, taken apart with a check at every step: a wrong value is a sentence that says where it is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitscope.data.files import content, is_bare
from vitscope.errors import DataError

SHOWN = 60  # characters of a wrong value that a message quotes
LARGEST = 1e7  # no coordinate of an image is larger


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a JSON file and its place in it. Every method raises DataError for what it does not expect."""

    value: Any
    key: str | int
    above: Node | Path

    def at(self, key: str) -> Node:
        """The value of a key that must be there."""
        found = self.get(key)
        if found is None:
            raise self.wrong(f"an object with {key!r}")
        return found

    def get(self, key: str) -> Node | None:
        """The value of a key, or None."""
        if not isinstance(self.value, dict):
            raise self.wrong("an object")
        return Node(self.value[key], key, self) if key in self.value else None

    def items(self) -> Iterator[Node]:
        """The items of a list."""
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        return (Node(value, index, self) for index, value in enumerate(self.value))

    def whole(self, least: int = 0, most: int = 2**53) -> int:
        """A whole number within bounds."""
        if type(self.value) is not int or not least <= self.value <= most:
            raise self.wrong(f"a whole number from {least} to {most}")
        return self.value

    def number(self) -> float:
        """A number that a coordinate may be."""
        if type(self.value) not in (int, float) or not math.isfinite(self.value) or abs(self.value) > LARGEST:
            raise self.wrong("a number")
        return float(self.value)

    def numbers(self, how_many: int) -> tuple[float, ...]:
        """A list of exactly so many numbers."""
        values = tuple(item.number() for item in self.items())
        if len(values) != how_many:
            raise self.wrong(f"a list of {how_many} numbers")
        return values

    def text(self) -> str:
        """A string."""
        if not isinstance(self.value, str):
            raise self.wrong("a string")
        return self.value

    def file_name(self) -> str:
        """The name of a file that leads into no other folder."""
        if not is_bare(self.text()):
            raise self.wrong("the name of a file, without a folder")
        return self.text()

    def wrong(self, expected: str) -> DataError:
        """The error for a value that is not what was expected."""
        shown = _short(self.value)
        path, place = self.place()
        return DataError(f"{path}: {place or 'the content'} is {shown}, but must be {expected}.")

    def place(self) -> tuple[Path, str]:
        """The file, and the way to this value in it, such as annotations[3].image_id; empty at the top."""
        if isinstance(self.above, Path):
            return self.above, ""
        path, place = self.above.place()
        return path, f"{place}[{self.key}]" if isinstance(self.key, int) else f"{place}.{self.key}".lstrip(".")


def load(path: Path) -> Node:
    """The content of a JSON file; raises DataError if it cannot be read or is no JSON."""
    try:
        return Node(json.loads(content(path)), "", path)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not valid JSON: {error}.") from None


def _short(value: object) -> str:
    """A value as a message quotes it, without writing out what is long."""
    if isinstance(value, list):
        return f"a list of {len(value)}" if len(value) > 4 else _cut(value)
    if isinstance(value, dict):
        return "an object without it" if value else "an empty object"
    return _cut(value)


def _cut(value: object) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, or lists in lists without end
        return "a value too long to show"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
