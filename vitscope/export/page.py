"""The page of an export: plain HTML, no scripts, nothing from elsewhere; what every file is and how to read it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from vitscope import __version__
from vitscope.export.folder import ARRAYS, Chapter, Page
from vitscope.export.reading import reading
from vitscope.export.sheets import Section
from vitscope.store.reader import Run
from vitscope.views import View

STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
figure { margin: 1.5rem 0 2.5rem } img { max-width: 100%; height: auto; border: 1px solid #ddd }
table { border-collapse: collapse }
td { padding: .1rem 1rem .1rem 0; vertical-align: top } td:first-child { color: #666 }
code { background: #f4f4f4; padding: .1rem .3rem; overflow-wrap: anywhere } .note { color: #666 }
"""


def page_of(chapters: Sequence[Chapter], formats: Sequence[str]) -> str:
    """The page as text; every name in it is escaped."""
    contents = "".join(f'<li><a href="#{_anchor(c.section)}">{escape(c.section.title)}</a></li>\n' for c in chapters)
    body = "".join(_chapter(chapter, formats) for chapter in chapters)
    arrays = f" Arrays are in <code>{ARRAYS}</code> of each folder, without pickle." if "npz" in formats else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>vitscope export</title>\n'
        f"<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>vitscope export</h1>\n"
        f"<p>Written by vitscope {escape(__version__)}. Layers, heads, rows and columns count from 1.{arrays} The "
        "command below each title gives the same numbers from the cache that this was exported from.</p>\n"
        f"<ul>\n{contents}</ul>\n{body}</body>\n</html>\n"
    )


def _anchor(section: Section) -> str:
    return quote(section.folder)


def _chapter(chapter: Chapter, formats: Sequence[str]) -> str:
    section = chapter.section
    written = [page for page in chapter.pages if not page.left_out]
    missing = [page for page in chapter.pages if page.left_out]
    text = f'<h2 id="{_anchor(section)}">{escape(section.title)}</h2>\n'
    text += _facts(section.runs[0]) if len(section.runs) == 1 else _runs(section.runs)
    if "npz" in formats:
        text += f'<p>Arrays of all of this: <a href="{quote(section.folder)}/{ARRAYS}">{ARRAYS}</a></p>\n'
    text += "".join(map(_sheet, written))
    if missing:
        lines = "".join(f"<li>{escape(page.sheet.name)}: {escape(page.left_out)}</li>\n" for page in missing)
        text += f"<p>Left out:</p>\n<ul>\n{lines}</ul>\n"
    return text


def _facts(run: Run) -> str:
    """What was measured, of which model, over which data, how."""
    spec, g = run.spec, run.geometry
    rows = {
        "model": f"{run.model}: {g.layers} layers × {g.heads} heads, {g.rows} × {g.columns} patches",
        "weights": spec.weights,
        "data": f"{run.images} images of {run.dataset} (list sha256 {spec.images})",
        "images": f"{spec.image_size[0]} × {spec.image_size[1]} pixels; {spec.preprocess}; {spec.normalization}",
        "protocol": f"{spec.protocol}, {spec.precision}, order: {spec.order}",
        "run": run.name,
        "measured on": f"{run.facts.get('device', '')}, {run.started}",
    }
    lines = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>\n" for name, value in rows.items())
    return f"<table>\n{lines}</table>\n"


def _runs(runs: Sequence[Run]) -> str:
    """The runs of a section of several."""
    lines = "".join(
        f"<tr><td>{escape(run.name)}</td><td>{escape(run.model)}{escape(_task(run))}, {run.images} images of "
        f"{escape(run.dataset)}, protocol {escape(run.spec.protocol)}</td></tr>\n"
        for run in runs
    )
    return f"<table>\n{lines}</table>\n"


def _task(run: Run) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in run.spec.settings.items())
    return f", {run.spec.task}{f' ({settings})' if settings else ''}" if run.spec.task else ""


def _sheet(page: Page) -> str:
    """A figure with what it is, how to read it, and its files."""
    view, links = page.views[0], []
    picture = ""
    for name in page.files:
        links.append(f'<a href="{quote(name)}">{escape(name.rpartition("/")[2])}</a>')
        if name.endswith(".png"):
            picture = f'<a href="{quote(name)}"><img loading="lazy" alt="{escape(view.title)}" src="{quote(name)}"></a>'
    keys = f"arrays <code>{escape(', '.join(page.keys))}</code>" if page.keys else ""
    about = dict.fromkeys(f"{one.model} · {one.dataset} · {one.images} images" for one in page.views)
    notes = dict.fromkeys(note for one in page.views for note in one.notes)
    return (
        f"<figure>\n<h3>{escape(view.title)}</h3>\n"
        + "".join(f'<div class="note">{escape(line)}</div>\n' for line in about)
        + f"<p>{escape(reading(page.sheet.view))} {escape(_units(view))}</p>\n{picture}\n<figcaption>\n"
        + "".join(f'<div class="note">{escape(note)}</div>\n' for note in notes)
        + f"<div><code>{escape(page.sheet.command)}</code></div>\n"
        + f"<div>{' · '.join(filter(None, [*links, keys]))}</div>\n</figcaption>\n</figure>\n"
    )


def _units(view: View) -> str:
    """Dims and units in words."""
    over = f"By {', '.join(dim.replace('_', ' ') for dim in view.dims)}. " if view.dims else ""
    units = {view.unit} if view.columns is None else {column.unit for column in view.columns.values()}
    named = sorted(unit for unit in units if unit not in {"", "1", "tag"})
    return f"{over}Unit: {', '.join(named)}." if named else f"{over}Numbers without a unit."
