"""How `vitscope models` looks on a terminal: the list of models, and everything about one."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from vitscope import catalog
from vitscope.cli.talk import clean, result

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

Row = dict[str, Any]

SAID = {
    "shipped": "shipped with vitscope",
    "cached": "in the Hugging Face cache",
    "hub": "not here: downloaded at the first use",
    "by hand": "to be supplied by hand with --checkpoint FILE",
    "random": "none: random numbers from a fixed seed",
    "none": "it has none",
}
"""Where weights are, in words."""

SHAPE = ("layers", "heads", "width", "tokens")
ORDER = (*catalog.GROUPS["paper-all"], *catalog.GROUPS["demo"])


def show_list(rows: list[Row]) -> None:
    """Print models one a line, at most 80 columns wide, under the method that they were trained by."""
    listed = sorted((row for row in rows if row["model"] in ORDER), key=lambda row: ORDER.index(row["model"]))
    others = [row for row in rows if row["model"] not in ORDER]
    parts: list[RenderableType] = [_columns(header=True)] if listed else []
    for heading, group in groupby(listed, _heading):
        parts += ["", _title(*heading), _table(list(group))]
    for known, group in groupby(others, lambda row: row["about"] is not None):
        parts += ["", *([] if known else [_title("others", "in the cache, or in that of the Hugging Face hub")])]
        parts += [part for row in group for part in _other(row)]
    result(*parts)


def _heading(row: Row) -> tuple[str, str]:
    """What models are listed under: the method, and what all of it have in common."""
    model = catalog.MODELS[row["model"]]
    if model.file:
        return "demo", f"small ones of each method, trained on the embedded world · {model.licence}"
    tag = f" · tag {model.timm.partition('.')[2]}" if not model.by_hand else ""
    return model.method, f"{model.supervision}: {model.about.partition(';')[0]}{tag} · {model.licence}"


def _title(name: str, about: str) -> RenderableType:
    from rich.text import Text

    return Text.assemble((name, "bold"), "  ", (about, "dim"))


def _columns(*, header: bool) -> Table:
    """An empty table with the columns of the list; the widths make the tables of all methods one."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_header=header)
    table.add_column("model", width=9, no_wrap=True)
    table.add_column("ViT", width=4, no_wrap=True)
    for name in SHAPE:
        table.add_column(name, width=6, no_wrap=True, justify="right")
    table.add_column("weights", width=7, no_wrap=True)
    table.add_column("measured")
    return table


def _table(rows: list[Row]) -> Table:
    table = _columns(header=False)
    for row in rows:
        shape = (str(row[name]) for name in SHAPE)
        table.add_row(row["model"], row["kind"] or "–", *shape, row["weights"], clean(_measured(row["runs"])))
    return table


def _other(row: Row) -> list[RenderableType]:
    """A model that is not in the catalog: its name may be long, so what is known of it stands below."""
    from rich.text import Text

    where = SAID.get(row["weights"] or "", "") if row["weights"] != "none" else ""
    measured = _measured(row["runs"])
    facts = ", ".join(filter(None, (where, f"measured: {measured}" if measured != "–" else "")))
    return [_title(clean(row["model"]), row["about"] or ""), *([Text(f"  {clean(facts)}")] if facts else [])]


def _measured(runs: list[Row]) -> str:
    """How many images the newest extraction saw, and how many runs there are."""
    if not runs:
        return "–"
    newest = next((run for run in runs if run["task"] is None), runs[0])
    images = f"{newest['images']} images" if newest["complete"] else "unfinished"
    return images if len(runs) == 1 else f"{images}, {len(runs)} runs"


def show_one(facts: dict[str, Any]) -> None:
    """All facts about one model, one a line; what is not known is left out."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for key, words in _words(facts):
        table.add_row(Text(key, "dim"), Text(clean(words)))
    result(table)


def _words(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """The facts in words, each with its name."""
    known = {key: value for key, value in facts.items() if value not in (None, "", [], {})}
    lines = [(key, str(known[key])) for key in ("model", "method", "supervision", "about") if key in known]
    arguments = ", ".join(f"{key} {value}" for key, value in known.get("arguments", {}).items())
    if "timm" in known:
        lines.append(("architecture", f"timm/{known['timm']}{f', {arguments}' if arguments else ''}"))
    if "layers" in known:
        prefix = f" ({', '.join(known['prefix'])}, then patches)" if "prefix" in known else ""
        size = "×".join(map(str, known["image_size"]))
        lines.append(("shape", f"{known['layers']} layers × {known['heads']} heads, width {known['width']}"))
        lines.append(("tokens", f"{known['tokens']} at {size} pixels{prefix}"))
    if "millions" in known and known.get("weights") != "none":
        lines.append(("parameters", f"{known['millions']:.2f} million, without a classifier"))
    if "mean" in known:
        lines.append(("normalisation", f"mean {tuple(known['mean'])}, std {tuple(known['std'])}"))
    lines += [("licence", str(known[key])) for key in ("licence",) if key in known]
    lines += _weights_in_words(known)
    for run in known.get("runs", ()):
        what = f"{run['task']} on {run['dataset']}" if run["task"] else run["dataset"]
        done = f"{run['images']} images" if run["complete"] else "unfinished"
        lines.append(("measured", f"{run['folder']}: {what}, {done}, weights {run['weights'][:19]}"))
    return lines


def _weights_in_words(known: dict[str, Any]) -> list[tuple[str, str]]:
    """Where the weights are, and how the original file is to be had."""
    lines = [("weights", SAID[known["weights"]])] if "weights" in known else []
    if "repository" in known:
        lines.append(("repository", f"https://huggingface.co/{known['repository']}"))
    if cached := known.get("cached"):
        lines.append(("file", cached["file"]))
        lines += [("digest", cached["digest"])] if cached["digest"] else []
    if original := known.get("original"):
        lines.append(("original", f"{original['file']} from {original['where']}"))
        digest = original["digest"] or ""
        part = "" if len(digest.partition(":")[2]) in {0, 32, 64} else " … (no more of it was published)"
        lines += [("its digest", f"{digest}{part}")] if digest else []
        archive = " --allow-torchscript" if original["file"].endswith(".pt") else ""
        given = f"--checkpoint {original['file']}{archive}"
        lines.append(("use it", f"vitscope extract --model {known['model']} {given}"))
    if "caution" in known:
        lines.append(("caution", known["caution"]))
    return lines
