"""Steps: where a step along a row of places ends, and which of them are shown around it. Places count from 0. Pure."""

from __future__ import annotations


def clamp(place: int, count: int) -> int:
    """The one of `count` places that is nearest to `place`; 0 where there is none.

    >>> clamp(-1, 5), clamp(3, 5), clamp(7, 5), clamp(2, 0)
    (0, 3, 4, 0)
    """
    return max(0, min(place, count - 1))


def window(place: int, shown: int, count: int) -> range:
    """The places on screen, `shown` of `count`, with `place` in their middle as far as there are others around it.

    >>> window(0, 3, 9), window(5, 3, 9), window(8, 3, 9)
    (range(0, 3), range(4, 7), range(6, 9))
    """
    first = max(0, min(place - shown // 2, count - shown))
    return range(first, first + shown)
