"""What is known of a run: what was measured, on what and how. In a worker thread; no numbers are opened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from vitscope.amounts import bytes_in_words, counted, duration
from vitscope.catalog import METRICS, MODELS, TASKS
from vitscope.store.reader import Run
from vitscope.store.text import printable
from vitscope.tui.render.words import when

SKIPPED = 200  # files that are named


class Entry(NamedTuple):
    """One thing that is known; without `text` the heading of those below."""

    label: str
    text: str = ""


def information(run: Run, judged: tuple[Run, ...]) -> tuple[Entry, ...]:
    """Everything about a run, and the evaluations of the same model."""
    parts = (_model(run), _data(run), _way(run), _when(run), _results(run), _evaluations(judged), _left_out(run))
    return tuple(entry for part in parts for entry in part)


def _model(run: Run) -> Iterator[Entry]:
    spec, g, known = run.spec, run.geometry, MODELS.get(run.model)
    yield Entry("Model")
    yield Entry("name", run.model + (f": {known.method}, {known.about}" if known else ""))
    patches = f"{g.rows} × {g.columns} patches of {g.patch[0]} × {g.patch[1]} pixels"
    prefix = ", ".join(g.prefix) or "none"
    yield Entry("shape", f"{g.layers} layers × {g.heads} heads; {patches}, prefix {prefix}: {g.tokens} tokens")
    yield Entry("weights", spec.weights)
    checkpoint = run.facts.get("checkpoint")
    if isinstance(checkpoint, dict):
        yield Entry("checkpoint", _pairs(checkpoint))


def _data(run: Run) -> Iterator[Entry]:
    spec, facts = run.spec, run.facts
    yield Entry("Data")
    chosen = f" of {facts['images']} chosen" if facts.get("images") not in {None, run.images} else ""
    yield Entry("data set", f"{run.dataset}, {counted(run.images, 'image')}{chosen}")
    if run.classes:
        names = ", ".join(run.classes[:8]) + (" …" if len(run.classes) > 8 else "")
        yield Entry("classes", f"{len(run.classes)}: {names}")
    if facts.get("data"):
        yield Entry("read from", printable(str(facts["data"])))
    yield Entry("images", f"sha256 {spec.images}")
    yield Entry("order", spec.order)


def _way(run: Run) -> Iterator[Entry]:
    spec, facts = run.spec, run.facts
    yield Entry("How")
    yield Entry("protocol", spec.protocol)
    yield Entry("crop", f"{spec.image_size[0]} × {spec.image_size[1]} pixels: {spec.preprocess}")
    yield Entry("colours", spec.normalization)
    yield Entry("precision", spec.precision)
    if spec.gram_images:
        yield Entry("Gram blocks", f"of {spec.gram_images} images")
    if spec.settings:
        yield Entry("settings", _pairs(spec.settings))
    if facts.get("device"):
        yield Entry("device", printable(str(facts["device"])))
    if isinstance(facts.get("versions"), dict):
        yield Entry("versions", _pairs(facts["versions"]))
    for note in facts.get("notes") or []:
        yield Entry("note", printable(str(note)))


def _when(run: Run) -> Iterator[Entry]:
    facts = run.facts
    yield Entry("When")
    yield Entry("started", when(run.started) or "not said")
    yield Entry("finished", when(str(facts.get("finished") or "")) or "not yet")
    if isinstance(facts.get("seconds"), int | float):
        yield Entry("took", duration(float(facts["seconds"])))
    for one in facts.get("passes") or []:
        if isinstance(one, dict) and isinstance(one.get("metrics"), list):
            took = one.get("seconds")
            seconds = f" in {duration(float(took))}" if isinstance(took, int | float) else ""
            batch = f", {one['batch_size']} at a time" if one.get("batch_size") else ""
            names = ", ".join(map(str, one["metrics"]))
            yield Entry("pass", printable(f"{one.get('images', '?')} images{seconds}{batch}: {names}"))


def _results(run: Run) -> Iterator[Entry]:
    results = run.results()
    total = sum(info.size for result in results.values() for info in result.arrays.values())
    yield Entry(f"Results ({bytes_in_words(total)})")
    for metric, result in results.items():
        shapes = ", ".join(
            f"{name} {'×'.join(map(str, info.shape))} {info.dtype}" for name, info in result.arrays.items()
        )
        about = METRICS[metric].about if metric in METRICS else "of another version"
        bytes_ = bytes_in_words(sum(info.size for info in result.arrays.values()))
        yield Entry(metric, f"{bytes_} · {about} · version {result.version}, n = {result.images} · {shapes}")


def _evaluations(judged: tuple[Run, ...]) -> Iterator[Entry]:
    if judged:
        yield Entry("Evaluations of this model")
    for run in judged:
        about = TASKS[run.spec.task].about if run.spec.task in TASKS else ""
        state = when(run.started) if run.complete else "not finished"
        yield Entry(run.spec.task, f"{about} · {run.dataset}, n = {run.images} · {run.spec.protocol} · {state}")


def _left_out(run: Run) -> Iterator[Entry]:
    skipped = run.facts.get("skipped") or []
    yield Entry(f"Files that could not be read ({len(skipped)})")
    if not skipped:
        yield Entry("", "none")
    for file in skipped[:SKIPPED]:
        yield Entry("", printable(_file(file)))
    if len(skipped) > SKIPPED:
        yield Entry("", f"… and {len(skipped) - SKIPPED} more in run.json")


def _file(skipped: Any) -> str:
    """A file and why it was left out."""
    if isinstance(skipped, dict):
        return ": ".join(str(value) for value in skipped.values())
    return ": ".join(map(str, skipped)) if isinstance(skipped, list) else str(skipped)


def _pairs(fields: Any) -> str:
    return printable(", ".join(f"{name} {value}" for name, value in dict(fields).items()))
