"""What workers tell the application."""

from __future__ import annotations

from textual.message import Message

from vitscope.tui.growth import Marks
from vitscope.tui.library import Item, Listing
from vitscope.tui.live import Picture
from vitscope.tui.opening import Asked
from vitscope.tui.prompt import Prompt


class Listed(Message):
    """The cache has been looked through."""

    def __init__(self, listing: Listing, images: dict[str, list[str]], marks: Marks, *, anew: bool) -> None:
        super().__init__()
        self.listing = listing
        self.images = images
        self.marks = marks
        self.anew = anew  # nothing that was read before is trusted


class Grown(Message):
    """The cache is not what it was when it was looked through."""


class Loaded(Message):
    """An item has been read; it is kept whatever is on screen now, since items do not depend on that."""

    def __init__(self, item: Item, value: object) -> None:
        super().__init__()
        self.item = item
        self.value = value


class Looked(Message):
    """The process with the model has answered: a picture, why there is none, or nothing if it was given up."""

    def __init__(self, asked: Asked, answer: Picture | str | None) -> None:
        super().__init__()
        self.asked = asked
        self.answer = answer


class Completed(Message):
    """What the path in a line can go on with."""

    def __init__(self, line: Prompt, text: str, names: list[str]) -> None:
        super().__init__()
        self.line = line
        self.text = text
        self.names = names
