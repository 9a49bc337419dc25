"""Amounts in words: seconds, bytes and counts, as messages and pages give them to people."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Seconds in words.

    >>> duration(0.34), duration(9.6), duration(61), duration(7322)
    ('0.3 s', '9.6 s', '1 min 1 s', '2 h 2 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def bytes_in_words(count: float) -> str:
    """Bytes in words, in powers of 1000.

    >>> [bytes_in_words(count) for count in (12, 4_200, 1_234_567, 98_765_432_100)]
    ['12 B', '4.2 kB', '1.2 MB', '98.8 GB']
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def counted(count: int, noun: str) -> str:
    """A count with its noun.

    >>> counted(1, "image"), counted(3, "image")
    ('1 image', '3 images')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}".replace(",", " ")
