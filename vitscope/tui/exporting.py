"""What is on the screen as a file: the view behind a page, as a figure or as numbers by the file's suffix.

`begin` and `take` are the moves; what `plan` gives and `content` do the work, in a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vitscope import catalog
from vitscope.config import at_home
from vitscope.errors import ViewError, VitscopeError
from vitscope.export import written
from vitscope.spec import slug
from vitscope.store.reader import Cache, Run
from vitscope.store.text import printable
from vitscope.tui.book import Book
from vitscope.tui.command import Option
from vitscope.tui.prompt import prompt
from vitscope.tui.state import Facts, State
from vitscope.views import Options, View

SUFFIXES = {
    ".svg": "a figure, its text kept as text",
    ".png": "a figure in pixels",
    ".csv": "a line for every number",
    ".md": "a table in Markdown",
    ".tex": "a table in LaTeX",
    ".json": "numbers with what they are of",
    ".npy": "the array alone",
}
AAAM = "-aaam"  # at the end of the name that is proposed for it
AGAIN = "!"  # at the end of a name: write over what is there
ALIGNED = "aligned "  # before a name, on the page of a head: its AAAM instead of the query map
HEADS = {"distance": "distance", "offset": "offset", "position-deviation": "deviation"}  # numbers with a view of theirs


@dataclass(frozen=True)
class Shown:
    """The view of the catalog that a page shows, of which runs and how narrowed down."""

    view: str
    runs: tuple[Run, ...]
    options: Options


def begin(state: State, facts: Facts) -> State:
    """Ask for a file, with a name proposed."""
    model = next((run.model for run in facts.known if run.name == state.run), None)
    if model is None:
        return state
    place = f"-layer{state.layer + 1}" if state.view in {"layer", "head", "image", "images", "models"} else ""
    head = f"-head{state.head + 1}" if state.view in {"head", "image", "images"} else ""
    return replace(state, prompt=prompt("export", f"{slug(model)}-{state.view}{place}{head}.svg"))


def take(state: State, _facts: Facts, text: str) -> State:
    """Have the application write it."""
    return replace(state, asked=("export", text.strip())) if text.strip() else state


def options(state: State, _facts: Facts, text: str) -> list[Option]:
    """The file with each suffix there is; on the page of a head, which shows two maps, those of the other as well."""
    stem = text.removeprefix(ALIGNED).removesuffix(AGAIN)
    stem = stem.removesuffix(next((suffix for suffix in SUFFIXES if stem.endswith(suffix)), ""))
    stem = stem.removesuffix(AAAM)
    found = [Option(f"{stem}{suffix}", about) for suffix, about in SUFFIXES.items()] if stem else []
    other = [Option(f"{ALIGNED}{stem}{AAAM}{suffix}", f"the AAAM: {about}") for suffix, about in SUFFIXES.items()]
    return [*found, *other] if stem and state.view == "head" else found


def target(text: str) -> Path:
    """The file of a line; ViewError for a suffix that means nothing, or one that is there already."""
    again, path = text.endswith(AGAIN), at_home(text.removeprefix(ALIGNED).removesuffix(AGAIN))
    if path.suffix not in SUFFIXES:
        raise ViewError(f"{printable(path.name)} should end with one of {', '.join(SUFFIXES)}.")
    try:
        there, folder = path.exists(), path.parent.is_dir()
    except OSError as error:
        raise ViewError(f"{printable(path.name)} cannot be written: {error.strerror}.") from None
    if there and not again:
        raise ViewError(
            f"{printable(path.name)} is there already: type another name, or {AGAIN} after it to replace it."
        )
    if not folder:
        raise ViewError(f"there is no folder {printable(str(path.parent))}.")
    return path


def plan(state: State, book: Book, text: str = "") -> Callable[[], list[View]]:
    """What makes the views behind the page, in any thread; VitscopeError for a page without numbers.

    `text` is the line with the file's name, which may ask for another part of the page.
    """
    run = book.run(state)
    if run is None or state.view in {"runs", "info"}:
        raise ViewError("there are no numbers on this page: S keeps a picture of it.")
    if text.startswith(ALIGNED) and state.view != "head":
        raise ViewError(f"the AAAM is on the page of a head: leave out the word {ALIGNED.strip()}.")
    drawn = _drawn(state, book, run, aligned=text.startswith(ALIGNED))
    if drawn:
        return lambda: drawn
    shown, cache = behind(state, book, run), run.folder.parent
    return lambda: _made(shown, cache)


def _drawn(state: State, book: Book, run: Run, *, aligned: bool) -> list[View]:
    """The views of a page that `show` has none for."""
    from vitscope.tui import onscreen  # noqa: PLC0415 (pages know the bindings, and those this module)

    if state.view == "models":
        return onscreen.models(state, book, run)
    made = {"curves": onscreen.curves, "find": onscreen.found, "images": onscreen.images}.get(state.view)
    if aligned:
        made = onscreen.aligned
    elif BEHIND.get(state.view) is _attention and (state.received or (state.of_image and not _kept(state, book))):
        made = onscreen.attention
    return [made(state, book, run)] if made else []


def _kept(state: State, book: Book) -> bool:
    """Whether the image is one of the gallery, and not opened live or missing there."""
    return state.image >= 0 and bool(book.image(state))


def content(views: Sequence[View], suffix: str) -> bytes:
    """The bytes of such a file; VitscopeError."""
    if suffix == ".npy" and len(views) > 1:
        raise ViewError(f"a .npy file holds one array, and this page has {len(views)}: .csv and .json hold them all.")
    return written(views, suffix[1:])


def _made(shown: Shown, cache: Path) -> list[View]:
    make = catalog.load("view", catalog.VIEWS, shown.view)
    if catalog.VIEWS[shown.view].several:
        names = [each.model if shown.view == "summary" else each.name for each in shown.runs]
        return [make(Cache(cache), names, shown.options)]
    return [make(each, shown.options) for each in shown.runs]


def behind(state: State, book: Book, run: Run) -> Shown:
    """Which view a page shows; ViewError where no view has its numbers."""
    kind = BEHIND.get(state.view)
    if kind is not None:
        return kind(state, book, run)
    many = state.view == "distance" and state.panels.every != "one"
    return Shown(HEADS.get(state.quantity, "heads"), _peers(state, book, run) if many else (run,), Options())


def _cka(state: State, book: Book, run: Run) -> Shown:
    tokens = Options(tokens=state.features.tokens)
    other = book.other(state, run)
    if state.features.across:
        return Shown("cka", book.candidates(), tokens)
    return Shown("cka", (run,) if other is run else (run, other), tokens)


def _residual(state: State, _book: Book, run: Run) -> Shown:
    branch = state.features.branch
    return Shown("norms", (run,), Options()) if branch == "tokens" else Shown("residual", (run,), Options(taps=branch))


def _saliency(state: State, book: Book, run: Run) -> Shown:
    masked = {each.folder.name: each for each in book.masks(run)}
    chosen = masked.get(state.panels.masks, next(iter(masked.values()), None))
    if chosen is None:
        raise ViewError(f"{run.model} has not been compared with masks: there is nothing to write.")
    return Shown("saliency", (chosen,), Options())


def _results(_state: State, book: Book, _run: Run) -> Shown:
    newest = {each.model: each for each in reversed(book.listing.evaluations if book.listing else ())}
    if not newest:
        raise ViewError("no task has been evaluated in this cache: there is nothing to write.")
    return Shown("summary", tuple(newest.values()), Options())


def _attention(state: State, book: Book, run: Run) -> Shown:
    query = {"cls": "cls", "register": "cls", "spatial": "spatial", "patch": ""}[state.kind]
    if state.patch is not None:
        query = query or f"{state.patch[0] + 1},{state.patch[1] + 1}"
    head = None if state.view == "layer" else state.head
    image = book.image(state) if state.of_image else None
    return Shown("attention", (run,), Options(layer=state.layer, head=head, query=query, image=image))


BEHIND: dict[str, Callable[[State, Book, Run], Shown]] = {
    **dict.fromkeys(("layer", "head", "image"), _attention),
    "cka": _cka,
    "residual": _residual,
    "saliency": _saliency,
    "results": _results,
}
"""Pages that show something else than a number of every head."""


def _peers(state: State, book: Book, run: Run) -> tuple[Run, ...]:
    found = (book.listing.run(peer.name) if book.listing else None for peer in book.peers(state, run))
    return tuple(each for each in found if each is not None)


def refused(state: State, text: str, error: VitscopeError) -> State:
    """The line again, with the reason."""
    return replace(state, prompt=prompt("export", text), message=printable(str(error)))
