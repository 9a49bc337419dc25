"""The other end of `vitscope.run.live`: a process with the model, started on demand, kept warm, ended with the browser.

The browser itself never imports torch. Every method but `cancel` and `close` may block and belongs into a thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from vitscope.config import at_home
from vitscope.errors import DataError, ModelError, StoreError
from vitscope.store.reader import Run
from vitscope.store.text import printable

COMMAND = (sys.executable, "-P", "-m", "vitscope.run.live")  # -P: no module of the current folder takes part
PATIENCE = 2.0  # seconds in which a cancelled request must give up before its process is ended


class Cancelled(Exception):
    """The request was given up because the user said so."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One image as a model sees it: what a gallery holds of an image, measured just now."""

    name: str
    attention: np.ndarray  # (L, H, T, T) float16, memory-mapped
    crop: np.ndarray  # (rows, columns, 3) uint8
    seconds: float
    device: str


class Worker:
    """The process and its private folder; there is none of either before the first request."""

    def __init__(self, command: tuple[str, ...] = COMMAND) -> None:
        self._command = command
        self._process: subprocess.Popen[str] | None = None
        self._folder: Path | None = None
        self._one = Lock()
        self._cancels = 0  # how often a request was given up
        self._closed = False

    @property
    def warm(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def look(self, run: Run, image: Path, device: str = "auto") -> Picture:
        """The attention of a run's model for an image file.

        Raises DataError for a file that is none, ModelError with the sentence of the process, or when it ended by
        itself, Cancelled.
        """
        image = at_home(image)
        if not _is_file(image):
            raise DataError(f"{printable(str(image))} is not a file: type the path of an image on this machine.")
        mine = self._cancels
        with self._one:
            if self._cancels != mine:  # given up while it waited for the one before
                raise Cancelled
            process = self._started()
            if self._closed:
                self.close()
                raise Cancelled
            folder = self._room()
            answer = self._exchange(process, _ask(run, image, device, folder), mine)
        if "error" in answer:
            raise ModelError(printable(str(answer["error"])))
        if "cancelled" in answer:
            raise Cancelled
        return _picture(run, image, answer, folder)

    def cancel(self) -> None:
        """Give up all requests; a process that does not within PATIENCE is ended."""
        self._cancels += 1
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """End the process and remove its folder; a request at hand is given up."""
        self._cancels += 1
        self._closed = True
        self._end()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _started(self) -> subprocess.Popen[str]:
        if not self.warm:
            if find_spec("torch") is None:
                raise ModelError("PyTorch is not installed here, which runs the model: install vitscope with it.")
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # ctrl+c in the terminal is not for it
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
            )
            self._process = process
        assert self._process is not None
        return self._process

    def _room(self) -> Path:
        """A folder that only this user may look into."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="vitscope-"))
        return self._folder

    def _exchange(self, process: subprocess.Popen[str], ask: dict[str, Any], cancels: int) -> dict[str, Any]:
        """Send one line, wait for one line, or until more was given up than `cancels`."""
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(ask) + "\n")
            process.stdin.flush()
        except OSError:
            raise self._died(process) from None
        given_up = 0.0
        try:
            while not select.select([process.stdout], [], [], 0.05)[0]:
                if self._cancels != cancels and not given_up:
                    given_up = time.monotonic() + PATIENCE
                if given_up and time.monotonic() > given_up:
                    self._end()
                    raise Cancelled
            answer = answer_of(process.stdout.readline())
        except (ValueError, OSError):  # nothing more comes, or `close` was quicker
            if self._cancels != cancels:
                self._end()
                raise Cancelled from None
            raise self._died(process) from None
        return answer

    def _died(self, process: subprocess.Popen[str]) -> ModelError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)  # its pipes may close a little before it ends
        self._end()
        return ModelError(
            f"the process with the model ended by itself (exit status {process.returncode}), perhaps for want of "
            "memory: free some, or look at this image with `vitscope extract`."
        )

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError, ValueError):
                if pipe is not None:
                    pipe.close()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be looked into
        return False


def answer_of(line: str) -> dict[str, Any]:
    """An answer from its JSON; ValueError for a line that is cut short or no JSON."""
    try:
        answer = json.loads(line)
    except RecursionError:
        answer = None
    return answer if isinstance(answer, dict) else {"error": "the process with the model answered nonsense."}


def _ask(run: Run, image: Path, device: str, folder: Path) -> dict[str, Any]:
    checkpoint = run.facts.get("checkpoint")
    path = checkpoint.get("path") if isinstance(checkpoint, dict) else None
    return {
        "model": run.spec.model,
        "checkpoint": path if isinstance(path, str) else None,
        "weights": run.spec.weights,
        "image_size": list(run.spec.image_size),
        "precision": run.spec.precision,
        "preprocess": run.spec.preprocess,
        "device": device,
        "image": str(image.absolute()),
        "target": str(folder),
    }


def _picture(run: Run, image: Path, answer: dict[str, Any], folder: Path) -> Picture:
    """What the process wrote, checked against the run; only files of its folder are opened. StoreError."""
    g = run.geometry
    try:
        paths = [folder / Path(answer[part]).name for part in ("attention", "crop")]
        attention, crop = (np.load(path, mmap_mode="r", allow_pickle=False) for path in paths)
        seconds, device = float(answer["seconds"]), printable(str(answer["device"]))
    except Exception as error:  # numpy's parser of headers raises many classes
        raise StoreError(f"what the process with the model wrote cannot be read: {error}.") from None
    if attention.shape != (g.layers, g.heads, g.tokens, g.tokens) or crop.shape != (*run.spec.image_size, 3):
        raise StoreError("the process with the model measured another model than this run's.")
    return Picture(printable(image.name), attention, crop, seconds, device)
