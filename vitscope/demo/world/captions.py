"""Sentences about a picture: the object, its coat and colours, some of its parts, and what it stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vitscope.demo.world.scene import Thing
    from vitscope.demo.world.stream import Stream

_PLURAL = {"Foot": "feet", "Hand": "hands", "Tier": "wheels", "Fin": "fins", "Wing": "wings", "Engine": "engines"}


def part_phrases(thing: Thing) -> list[str]:
    """One phrase for each part name of an object, such as "dark feet" or "a red head", in drawing order."""
    first, second = thing.look.names
    words = (first, second, "dark", "light")
    phrases: dict[str, str] = {}
    for part in thing.kind.build(thing.pose):
        if part.mark or part.name not in phrases:
            name = _PLURAL.get(part.name, part.name.lower())
            article = "" if part.name in _PLURAL else "a "
            phrases[part.name] = f"{article}{words[part.tone]} {name}"
    return list(phrases.values())


def caption(thing: Thing, ground: str, stream: Stream) -> str:
    """A sentence that describes a thing before a background.

    As people do, it always names the object, and leaves out this or that: its colours, its parts, or where it is.
    """
    first, second = thing.look.names
    coat = f"plain {first}" if thing.look.coat == "plain" else f"{thing.look.coat} {first} and {second}"
    phrases = part_phrases(thing)
    one = phrases.pop(stream.below(len(phrases)))
    parts = f" with {one} and {stream.choice(phrases)}"
    place = f" {stream.choice(('on', 'in front of', 'before'))} {ground}"
    opening = stream.choice(("a", "a photo of a", "a small picture of a"))
    form = stream.choice(("all", "all", "place", "parts", "colours"))
    words = f"{opening} {coat} {thing.kind.name}" if form in ("all", "colours") else f"{opening} {thing.kind.name}"
    return words + (parts if form in ("all", "parts") else "") + (place if form in ("all", "place") else "")
