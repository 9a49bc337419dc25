"""What `vitscope doctor` looks at: each check says what it found and, where something is wrong, what to do."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from huggingface_hub import constants

from vitscope import __version__, config
from vitscope.amounts import bytes_in_words, counted
from vitscope.errors import VitscopeError
from vitscope.run import machine
from vitscope.run.check import Check
from vitscope.store.reader import Cache

LITTLE_SPACE = 2e9  # bytes: a run of a ViT-B takes about 0.1 GB, its gallery as much
LITTLE_MEMORY = 4e9  # bytes: PyTorch and a ViT-B with a batch of 8


def examine(cache: Callable[[], Path], colours: str) -> Iterator[Check]:
    """All checks, one after the other. `cache` gives the folder, or raises; `colours` is the depth that is used."""
    yield _python()
    yield from _torch()
    yield _memory()
    yield from machine.processes()
    yield from _hub()
    yield from _terminal(colours)
    yield from _settings()
    try:
        folder = cache()
    except VitscopeError:
        return  # a broken setting, told above
    yield from _cache(folder)


def _python() -> Check:
    return Check(
        "vitscope", "ok", f"{__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}"
    )


def _torch() -> Iterator[Check]:
    """PyTorch, timm and the devices; imported here so that a broken installation is a line, not a traceback."""
    try:
        import timm  # noqa: PLC0415
        import torch  # noqa: PLC0415
    except (ImportError, OSError) as error:
        again = "install it again: pip install --force-reinstall torch torchvision timm"
        yield Check(
            "PyTorch", "problem", f"cannot be imported: {error}", f"{again}; browsing and showing work without."
        )
        return
    threads = counted(torch.get_num_threads(), "thread")
    yield Check("PyTorch", "ok", f"torch {version('torch')}, timm {timm.__version__}, {threads}")
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(index)
            name = torch.cuda.get_device_name(index)
            yield Check("device", "ok", f"cuda:{index} {name}, {bytes_in_words(free)} of {bytes_in_words(total)} free")
    elif torch.backends.mps.is_available():
        yield Check("device", "ok", "mps (Apple GPU)")
    elif torch.version.cuda and shutil.which("nvidia-smi"):
        todo = "nvidia-smi says whether the driver runs and fits this torch; --device cpu works meanwhile."
        yield Check("device", "note", "cpu only: torch finds no CUDA device though a driver is installed", todo)
    else:
        yield Check("device", "ok", f"cpu ({platform.machine()}, {os.cpu_count()} cores); no GPU")


def _memory() -> Check:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        free, total = (
            int(line.split()[1]) * 1024 for name in ("MemAvailable:", "MemTotal:") for line in lines if name in line
        )
    except (OSError, ValueError):
        return Check("memory", "ok", "this system does not say how much is free")
    found = f"{bytes_in_words(free)} of {bytes_in_words(total)} free"
    if free < LITTLE_MEMORY:
        return Check("memory", "note", found, "Large models may not fit: close something, or use --batch-size 1.")
    return Check("memory", "ok", found)


def _hub() -> Iterator[Check]:
    """Where weights come from; looks at the environment and at files, never at the network."""
    folder = Path(constants.HF_HUB_CACHE)
    repositories = sorted(folder.glob("models--*"))
    where = f"{len(repositories)} models in {folder}"
    if constants.HF_HUB_OFFLINE:
        todo = "Unset HF_HUB_OFFLINE to download, or give --checkpoint FILE." if not repositories else ""
        yield Check("weights", "note", f"{where}; HF_HUB_OFFLINE is set, so nothing is downloaded", todo)
    elif constants.ENDPOINT != "https://huggingface.co":
        yield Check("weights", "ok", f"{where}; downloads come from {constants.ENDPOINT}")
    else:
        yield Check("weights", "ok", f"{where}; others are downloaded from huggingface.co")
    home = next(path for path in [folder, *folder.parents] if path.exists())
    if not os.access(home, os.W_OK):
        yield Check("weights", "note", f"{home} cannot be written", "Set HF_HOME to a folder of your own to download.")


def _terminal(colours: str) -> Iterator[Check]:
    """What kind of terminal this is, and what the pictures will look like in it."""
    term = os.environ.get("TERM", "")
    facts = [f"TERM={term or 'not set'}", f"COLORTERM={os.environ.get('COLORTERM') or 'not set'}"]
    facts += [f"in {name}" for name, variable in (("tmux", "TMUX"), ("screen", "STY")) if os.environ.get(variable)]
    facts += ["over SSH"] if os.environ.get("SSH_CONNECTION") else []
    size = shutil.get_terminal_size()
    both = sys.stdin.isatty() and sys.stdout.isatty()
    facts += [f"{size.columns}×{size.lines}"] if both else ["this is a pipe, not a terminal"]
    looks = {"true": "16 million colours", "256": "256 colours", "none": "shades without colours"}[colours]
    found = f"{', '.join(facts)}: {looks}"
    if not both:
        yield Check("terminal", "note", found, "The browser needs a terminal; show and extract do not.")
    elif term in {"", "dumb", "unknown"}:
        yield Check("terminal", "problem", found, "The browser needs more: set TERM, for example TERM=xterm-256color.")
    elif os.environ.get("NO_COLOR"):
        yield Check("terminal", "note", f"{found} (NO_COLOR is set)", "Unset NO_COLOR for colours.")
    elif colours == "none":
        yield Check("terminal", "note", found, "If it can do more, set TERM=xterm-256color, or VITSCOPE_COLORS=256.")
    elif colours == "256":
        hint = "If it has 16 million (which SSH does not tell), set VITSCOPE_COLORS=truecolor."
        yield Check("terminal", "ok", found, hint)
    else:
        yield Check("terminal", "ok", found)
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        todo = "Maps need block characters: set LANG=C.UTF-8 or PYTHONUTF8=1."
        yield Check("terminal", "problem", f"text is written as {sys.stdout.encoding}", todo)


def _settings() -> Iterator[Check]:
    try:
        settings = {key: value for key, value in config.all().items() if value is not None}
    except VitscopeError as error:
        yield Check("settings", "problem", str(error))
        return
    above = {key for key in settings if os.environ.get(config.variable(key))}
    in_file = ", ".join(f"{key} = {value}" for key, value in settings.items() if key not in above)
    said = [f"{config.path()}: {in_file or 'nothing is set'}"]
    said += [f"${config.variable(key)}: {key} = {settings[key]}" for key in sorted(above)]
    yield Check("settings", "ok", "; ".join(said))
    for key, folder in settings.items():
        if key.startswith("data."):
            todo = f"Change it with `vitscope config {key} DIR`, or give --data DIR."
            if not Path(folder).is_dir():
                yield Check("settings", "note", f"{key} is no folder: {folder}", todo)
            elif problem := machine.unlisted(Path(folder)):
                yield Check("settings", "note", f"{key}: {folder} {problem}", todo)


def _cache(folder: Path) -> Iterator[Check]:
    """Whether the cache can be written, has room, and can be read."""
    home, free = machine.nearest(folder), machine.free(folder)
    if home.is_dir() and (problem := machine.unwritable(home)):
        todo = "Choose another with --cache DIR, VITSCOPE_CACHE or `vitscope config cache DIR`."
        yield Check("cache", "problem", f"{folder} cannot be written: {problem}", todo)
    yield from machine.disk(home)
    try:
        store = Cache(folder)
        runs, broken = store.inventory()
    except VitscopeError as error:
        yield Check("cache", "problem", str(error))
        return
    little = free < LITTLE_SPACE
    found = f"{folder}: {len(runs)} runs, {bytes_in_words(free)} free"
    yield Check("cache", "note" if little else "ok", found, "There is little room for new runs." if little else "")
    open_ended = [run for run in runs if not run.complete]
    if open_ended:
        names = ", ".join(run.name for run in open_ended)
        yield Check("cache", "note", f"unfinished: {names}", "Run the same extract command again to go on.")
    yield from machine.locks(store.folder)
    yield from machine.clock([run.started for run in runs])
    for place, problem in broken:
        yield Check("cache", "problem", f"{place.name}: {problem}", "Or remove it with `vitscope cache remove`.")
