"""The first page: the runs in the cache, or what to do when there are none."""

from __future__ import annotations

from rich.cells import cell_len

from vitscope.catalog import TASKS
from vitscope.store.reader import Run
from vitscope.store.text import shown
from vitscope.tui import mouse
from vitscope.tui.book import Book
from vitscope.tui.library import Listing
from vitscope.tui.render.surface import Rect, Surface, fit
from vitscope.tui.render.words import clipped, when
from vitscope.tui.screens.frame import notice
from vitscope.tui.state import State

DETAIL = 2  # lines of a value below the table
ROWS = 4  # of the table, which the details of a run may not take from it


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """Runs as a table with the details of the one under the cursor; below it what cannot be read."""
    listing = book.listing
    if listing is None:
        surface.write(rect.x, rect.y, "reading the cache …", surface.theme.dim)
    elif listing.failure:
        _failed(surface, rect, listing)
    elif not listing.runs and not listing.broken:
        _empty(surface, rect, listing)
    else:
        _table(surface, rect, state, listing)


def _table(surface: Surface, rect: Rect, state: State, listing: Listing) -> None:
    theme = surface.theme
    y = rect.y
    where = f"{len(listing.runs)}   {shown(listing.folder)}"
    x = surface.write(rect.x, y, "Runs", bold=True)
    surface.write(x + 2, y, where, theme.dim, width=min(len(where), rect.width - 6))
    if not listing.runs:
        _broken(surface, Rect(rect.x, y + 2, rect.width, rect.bottom - y - 2), listing)
        return
    columns = _columns(listing, rect.width)
    y += 2 if rect.height > 14 else 1
    x = rect.x + 2
    for title, width, right, _ in columns:
        surface.write(x, y, title, theme.dim, width=width, align="right" if right else "left")
        x += width + 2
    y += 1
    space = rect.bottom - y
    broken = min(4 * len(listing.broken) + 2, max(3, space // 3)) if listing.broken else 0
    details = 8 if rect.height >= 20 and space - broken - 8 >= min(len(listing.runs), ROWS) else 0
    room = max(1, space - broken - details)
    first = max(0, min(state.cursor - room // 2, len(listing.runs) - room))
    for index, run in enumerate(listing.runs[first : first + room], start=first):
        _line(surface, Rect(rect.x, y, rect.width, 1), run, columns, chosen=index == state.cursor)
        surface.spot(Rect(rect.x, y, rect.width, 1), mouse.run(index))
        y += 1
    if first:
        surface.write(rect.right - 1, y - min(room, len(listing.runs)), "↑", theme.accent, bold=True)
    if first + room < len(listing.runs):
        surface.write(rect.right - 1, y - 1, "↓", theme.accent, bold=True)
    if details and listing.runs:
        y = _details(surface, Rect(rect.x, y + 1, rect.width, rect.bottom - y - 1), listing, state)
    if broken:
        _broken(surface, Rect(rect.x, y + 1, rect.width, rect.bottom - y - 1), listing)


def _columns(listing: Listing, width: int) -> list[tuple[str, int, bool, int]]:
    """Title, width, whether it stands at the right, and which field; as many as fit."""
    rows = [_fields(run) for run in listing.runs] or [("",) * 6]
    titles = ("model", "dataset", "images", "layers × heads", "grid", "measured")
    sizes = [max(len(title), *(cell_len(row[i]) for row in rows)) for i, title in enumerate(titles)]
    chosen = (
        [0, 3] if width < 60 else [0, 1, 2, 3] if width < 76 else [0, 1, 2, 3, 5] if width < 100 else list(range(6))
    )
    if width < 100:
        titles, sizes[3] = (*titles[:3], "heads", *titles[4:]), max(cell_len(row[3]) for row in rows)
        sizes[5] = min(sizes[5], 12)
    space = width - 2 - 2 * (len(chosen) - 1) - sum(sizes[i] for i in chosen)
    if space < 0 and 1 in chosen:  # names give way, numbers do not
        given = min(-space, max(0, sizes[1] - 12))
        sizes[1], space = sizes[1] - given, space + given
    sizes[0] = max(6, sizes[0] + min(0, space))
    return [(titles[i], sizes[i], i in {2, 3, 4}, i) for i in chosen]


def _fields(run: Run) -> tuple[str, ...]:
    g = run.geometry
    started = when(run.started) if run.complete else "not finished"
    return (run.model, run.dataset, str(run.images), f"{g.layers} × {g.heads}", f"{g.rows} × {g.columns}", started)


def _line(surface: Surface, rect: Rect, run: Run, columns: list[tuple[str, int, bool, int]], *, chosen: bool) -> None:
    theme, fields = surface.theme, _fields(run)
    if chosen:
        surface.fill(rect, theme.panel)
        surface.write(rect.x, rect.y, "▌", theme.accent)
    x = rect.x + 2
    for i, (_, width, right, field) in enumerate(columns):
        ink = theme.text if chosen or i == 0 else theme.dim
        text = fields[field] if field != 5 or cell_len(fields[field]) <= width else fields[field].split(" ")[0]
        text = fit(text, width, "right" if right else "left")
        surface.write(x, rect.y, text, ink, bold=chosen and i == 0)
        x += width + 2


def _details(surface: Surface, rect: Rect, listing: Listing, state: State) -> int:
    """What is known of the run under the cursor."""
    run = listing.runs[min(state.cursor, len(listing.runs) - 1)]
    spec, facts, theme = run.spec, run.facts, surface.theme
    surface.rule(rect.x, rect.y, rect.width)
    skipped = facts.get("skipped") or []
    rows = [
        ("folder", run.name),
        ("measured", ", ".join(listing.measured.get(run.folder.name, ())) or "nothing yet"),
        ("evaluated", ", ".join(_evaluated(listing, run)) or "nothing yet"),
        ("input", f"{spec.image_size[0]} × {spec.image_size[1]} pixels, {spec.preprocess}, {spec.precision}"),
        ("protocol", spec.protocol),
    ]
    if skipped:
        rows.append(("skipped", f"{len(skipped)} images that could not be read"))
    y = rect.y + 1
    for label, value in rows:
        for i, line in enumerate(clipped(value, rect.width - 12, DETAIL)):
            if y >= rect.bottom:
                return y
            surface.write(rect.x + 2, y, "" if i else label, theme.dim)
            surface.write(rect.x + 12, y, line)
            y += 1
    return y


def _evaluated(listing: Listing, run: Run) -> list[str]:
    """The tasks that the model of a run was evaluated on, in the order of the catalog."""
    mine = {each.spec.task for each in listing.evaluations if each.model == run.model and each.complete}
    return [task for task in TASKS if task in mine]


def _broken(surface: Surface, rect: Rect, listing: Listing) -> None:
    theme, y = surface.theme, rect.y
    surface.write(rect.x, y, f"Cannot be read ({len(listing.broken)})", theme.bad, bold=True)
    y += 1
    for name, sentence in listing.broken:
        if y >= rect.bottom:
            return
        surface.write(rect.x + 2, y, name, width=rect.width - 2)
        y = notice(surface, Rect(rect.x + 2, y + 1, rect.width - 2, rect.bottom - y - 1), sentence)


def _empty(surface: Surface, rect: Rect, listing: Listing) -> None:
    theme = surface.theme
    y = rect.y + max(0, min(4, (rect.height - 12) // 2))
    surface.write(rect.x, y, "Nothing has been measured yet.", bold=True)
    y = notice(surface, Rect(rect.x, y + 1, rect.width, 3), f"The cache is {shown(listing.folder)}")
    steps = [
        ("Measure a model over a folder of photographs:", "vitscope extract --model MODEL --data FOLDER"),
        ("See which models there are:", "vitscope models"),
        ("Look into another cache:", "vitscope browse --cache FOLDER"),
    ]
    y += 1
    for text, command in steps:
        if y + 1 >= rect.bottom:
            return
        surface.write(rect.x, y, text, theme.dim)
        surface.write(rect.x + 2, y + 1, command, theme.accent, bold=True, width=min(len(command), rect.width - 2))
        y += 3 if rect.height > 14 else 2
    if y < rect.bottom:
        surface.write(rect.x, y, "r reads the cache again when that is done.", theme.dim)


def _failed(surface: Surface, rect: Rect, listing: Listing) -> None:
    y = rect.y + max(0, min(4, (rect.height - 12) // 2))
    surface.write(rect.x, y, "This cache cannot be read.", surface.theme.bad, bold=True)
    y = notice(surface, Rect(rect.x, y + 2, rect.width, rect.height - 4), listing.failure, ink=surface.theme.text)
    if y + 1 < rect.bottom:
        surface.write(rect.x, y + 1, "r reads the cache again.", surface.theme.dim)
