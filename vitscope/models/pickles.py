"""What a pickle would import, read off its instructions: nothing in it is run."""

from __future__ import annotations

import pickletools
import re
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

HARMLESS = re.compile(r"(torch|collections)\.\w+(\.\w+)*|argparse\.Namespace")
"""What torch.save writes for plain tensors, and the one class besides that is allowed: it only keeps options."""

STORES = {"PUT", "BINPUT", "LONG_BINPUT"}
FETCHES = {"GET", "BINGET", "LONG_BINGET"}


def imports(path: Path) -> list[str]:
    """Names of the Python objects, besides torch's own, that the pickles at the start of a file would import, sorted.

    Empty for a file that holds no whole pickle.
    """
    found: set[str] = set()
    with path.open("rb") as file, suppress(Exception):  # pickletools raises anything on what is no pickle
        while True:  # before version 1.6, torch.save wrote several
            found |= _one(file)
    return sorted(name for name in found if not HARMLESS.fullmatch(name))


def _one(file: BinaryIO) -> set[str]:
    """The imports of the pickle that begins here."""
    found: set[str] = set()
    strings: list[str] = []  # as pushed; the last two are the module and name of a STACK_GLOBAL
    memo: dict[int, str | None] = {}
    top: str | None = None
    for instruction, argument, _ in pickletools.genops(file):
        if instruction.name in {"GLOBAL", "INST"}:
            found.add(str(argument).replace(" ", "."))
        elif instruction.name == "STACK_GLOBAL":
            found.add(".".join(strings[-2:]))
        if instruction.name == "MEMOIZE":
            memo[len(memo)] = top
        elif instruction.name in STORES:
            memo[int(str(argument))] = top
        else:
            value = memo.get(int(str(argument))) if instruction.name in FETCHES else argument
            top = value if isinstance(value, str) else None
            strings += [top] if top is not None else []
    return found
