"""Damage with a structure: JSON stays JSON, archives stay archives, so that it gets past the first check of a reader.

Each mutator takes bytes and a source of chance and gives other bytes; what it cannot take apart it damages as bytes.
"""

from __future__ import annotations

import io
import json
import pickletools
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

Mutator = Callable[[bytes, Random], bytes]

LONGEST = 1 << 16  # bytes of what is made
TEXTS = (
    "", ".", "..", "../outside", "/etc/hostname", "a/../../outside", "a\\b", "x" * 300, "nul\0byte", "\x1b[2J", "\x9b2J",
    "\x1b]0;title\x07", "\u202eevil", "e\u0301" * 40, "\u200b", "two\nlines", "🦀" * 5, "\ud800", "cls", "=1+1", "$x$",
    "{}", "%s", "~nobody-here/x", "-1", "nan", "1e400",
)  # fmt: skip
NUMBERS = (
    0,
    1,
    -1,
    2,
    255,
    65_501,
    2**31,
    2**53 + 1,
    2**63,
    10**30,
    10**400,
    0.5,
    -0.0,
    1e308,
    float("inf"),
    float("nan"),
)
TOKENS = re.compile(rb"\w+|\s+|[^\w\s]")
WORDS = (
    b"[", b"]", b"{", b"}", b"=", b'"', b"'", b"\n", b"/", b"@", b"?", b"&", b":", b"|", b"<", b">", b"-", b".", b"..",
    b"%", b"~", b"\0", b"\x1b[", b"\xc2\x9b", b"\xff", b"9" * 5000, b"1e999", b"nan", b"[" * 3000, b"a." * 2000, b"true",
    b"2026-13-45", b"sort", b"tag", b"layer", b"+", b"\xe2\x80\xae", b"enter", b"tab",
)  # fmt: skip


def raw(content: bytes, chance: Random) -> bytes:
    """A bit flipped, a byte or number set, a part taken out, repeated or moved."""
    data = bytearray(content or b"\0")
    at = chance.randrange(len(data))
    size = min(chance.choice((1, 2, 4, 8, 32, 256)), len(data) - at)
    match chance.randrange(7):
        case 0:
            data[at] ^= 1 << chance.randrange(8)
        case 1:
            data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        case 2:
            del data[at : at + size]
        case 3:
            data[at:at] = data[at : at + size] * chance.choice((1, 2, 50))
        case 4:
            data[at : at + 4] = struct.pack(
                chance.choice("<>") + "I", chance.choice((0, 1, 2**31, 2**32 - 1, len(data)))
            )
        case 5:
            del data[at:]
        case _:
            data[at : at + size] = chance.randbytes(size)
    return bytes(data[:LONGEST])


def text(content: bytes, chance: Random) -> bytes:
    """Words and signs taken out, repeated, swapped, or hostile ones put between them."""
    found = TOKENS.findall(content)
    at = chance.randrange(len(found) + 1)
    match chance.randrange(5):
        case 0:
            found[at : at + chance.randint(1, 3)] = []
        case 1:
            found[at:at] = found[at : at + chance.randint(1, 6)]
        case 2 if at < len(found):
            found[at] = chance.choice(WORDS)
        case 3 if found:
            other = chance.randrange(len(found))
            found[at : at + 1] = [found[other]]
        case _:
            found.insert(at, chance.choice(WORDS))
    return b"".join(found)[:LONGEST]


def value(content: Any, chance: Random) -> Any:
    """A value of JSON with one place inside of it replaced, taken out, repeated, wrapped, or swapped with another."""
    if not isinstance(content, dict | list) or not content or chance.random() < 0.12:
        return _other(content, chance)
    keys = list(content) if isinstance(content, dict) else list(range(len(content)))
    key = chance.choice(keys)
    copy = content.copy()
    match chance.randrange(10):
        case 0:
            del copy[key]
        case 1 if isinstance(copy, dict):
            copy[chance.choice(TEXTS)] = copy.pop(key)
        case 1:
            copy.insert(key, copy[key])
        case 2:
            copy[key] = copy[chance.choice(keys)]
        case _:
            copy[key] = value(copy[key], chance)
    return copy


def _other(content: Any, chance: Random) -> Any:
    match chance.randrange(8):
        case 0:
            return chance.choice(TEXTS)
        case 1 | 2:
            return chance.choice(NUMBERS)
        case 3:
            return chance.choice((None, True, False, [], {}, [None], {"": None}))
        case 4:
            return [content]
        case 5:
            return {chance.choice(TEXTS): content}
        case 6 if isinstance(content, str):
            return content + chance.choice(TEXTS)
        case 6 if isinstance(content, int | float):
            return chance.choice((content + 1, -content, content * 1000))
        case 6 if isinstance(content, list):
            return content * 3
        case _:
            return _deep(chance.choice((30, 400, 900)), chance)


def _deep(levels: int, chance: Random) -> Any:
    """Lists in lists, or objects in objects."""
    found: Any = chance.choice((0, ""))
    for _ in range(levels):
        found = {"a": found} if levels < 400 and chance.random() < 0.5 else [found]
    return found


def json_(content: bytes, chance: Random) -> bytes:
    """JSON that says something else."""
    try:
        changed = value(json.loads(content), chance)
        return json.dumps(changed).encode()
    except (ValueError, RecursionError):
        return text(content, chance)


def tail_json(content: bytes, chance: Random) -> bytes:
    """A safetensors file: its header of JSON, or what follows; the length in front is put right, most of the time."""
    size = int.from_bytes(content[:8], "little")
    if chance.random() < 0.25 or not 0 < size < len(content):
        return raw(content, chance)
    header, body = content[8 : 8 + size], content[8 + size :]
    header = json_(header, chance)
    return len(header).to_bytes(8, "little") + header + body


def pickle(content: bytes, chance: Random) -> bytes:
    """Instructions taken out, repeated, swapped, or others put between them."""
    try:
        starts = [place or 0 for _, _, place in pickletools.genops(content)]
    except Exception:  # no pickle, or no longer
        return raw(content, chance)
    parts = [content[a:b] for a, b in zip(starts, [*starts[1:], len(content)], strict=True)]
    at = chance.randrange(len(parts))
    other = chance.randrange(len(parts))
    match chance.randrange(5):
        case 0:
            del parts[at]
        case 1:
            parts[at:at] = parts[at : at + chance.randint(1, 5)]
        case 2:
            parts[at], parts[other] = parts[other], parts[at]
        case 3:
            parts[at] = raw(parts[at], chance)
        case _:
            parts.insert(at, chance.choice(INSTRUCTIONS))
    return b"".join(parts)[:LONGEST]


INSTRUCTIONS = (
    b"cos\nsystem\n", b"cbuiltins\neval\n", b"X\x04\x00\x00\x00true\x85R", b"R", b"b", b"\x81", b"\x93", b"\x92", b"0", b"2",
    b"(", b"]", b"}", b")", b"l", b"d", b"t", b"a", b"e", b"s", b"u", b".", b"N", b"\x88", b"Q", b"Pid\n", b"q\x00", b"h\x00",
    b"r\xff\xff\xff\x7f", b"j\xff\xff\xff\x7f", b"\x94", b"X\xff\xff\xff\xff", b"\x8d" + b"\xff" * 8, b"B\xff\xff\xff\x7f",
    b"\x8b\xff\xff\xff\x7f", b"G\x7f\xf8\x00\x00\x00\x00\x00\x00", b"J\xff\xff\xff\xff", b"K\x01", b"\x95" + b"\xff" * 8,
    b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n", b"cargparse\nNamespace\n",
)  # fmt: skip
"""Calls, names of functions, lengths without end."""


def npy(content: bytes, chance: Random) -> bytes:
    """The header of an array as text, or the bytes of the file."""
    size = int.from_bytes(content[8:10], "little")
    if chance.random() < 0.3 or not content.startswith(b"\x93NUMPY") or 10 + size > len(content):
        return raw(content, chance)
    if chance.random() < 0.4:
        number = str(chance.choice((0, -1, 10**18, 2**62, 2**64, "None", "'x'", "(1,)"))).encode()
        header = re.sub(rb"\d+(?=[,)])", number, content[10 : 10 + size], count=1)
    else:
        header = text(content[10 : 10 + size], chance)
    header = header[:60_000]
    return content[:8] + len(header).to_bytes(2, "little") + header + content[10 + size :]


def archive(inside: Mutator) -> Mutator:
    """A zip file: an entry changed by `inside`, renamed, repeated, taken out, or the archive's own bytes."""

    def mutate(content: bytes, chance: Random) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as source:
                entries = [
                    (entry.filename, source.read(entry)) for entry in source.infolist() if entry.file_size < LONGEST
                ]
        except Exception:  # no archive, or no longer
            return raw(content, chance)
        if chance.random() < 0.2 or not entries:
            return raw(content, chance)
        at = chance.randrange(len(entries))
        name, data = entries[at]
        match chance.randrange(8):
            case 0:
                del entries[at]
            case 1:
                entries[at] = (chance.choice(TEXTS).replace("\ud800", "") or "x", data)
            case 2:
                entries.append((f"other/{name}", data))
            case _:
                entries[at] = (name, inside(data, chance))
        file = io.BytesIO()
        packed = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
        with zipfile.ZipFile(file, "w", packed) as target:
            written = set()
            for name, data in entries:
                if name not in written:
                    target.writestr(zipfile.ZipInfo(name), data, packed)
                    written.add(name)
        return file.getvalue()

    return mutate


def png(content: bytes, chance: Random) -> bytes:
    """A chunk changed and its checksum put right, so that the decoder believes it."""
    if not content.startswith(b"\x89PNG") or chance.random() < 0.2:
        return raw(content, chance)
    chunks, at = [], 8
    while at + 12 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + size]))
        at += 12 + size
    if not chunks:
        return raw(content, chance)
    place = chance.randrange(len(chunks))
    match chance.randrange(6):
        case 0:
            del chunks[place]
        case 1:
            chunks.insert(place, chunks[chance.randrange(len(chunks))])
        case 2:
            kind = chance.choice((b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"acTL", b"fdAT", b"PLTE", b"tRNS", b"iCCP"))
            chunks.insert(place, (kind, chance.randbytes(20)))
        case _:
            kind, data = chunks[place]
            chunks[place] = (kind, raw(data, chance))
    body = (
        len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big") for kind, data in chunks
    )
    return content[:8] + b"".join(body)


def damaged(content: bytes, chance: Random, mutator: Mutator) -> bytes:
    """One to four changes."""
    for _ in range(chance.randint(1, 4)):
        content = mutator(content, chance)
    return content
