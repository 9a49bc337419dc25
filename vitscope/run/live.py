"""One image at a time through a model that stays warm: the process that the browser starts to look at new images.

`python -m vitscope.run.live` reads requests from stdin and answers them on stdout, one JSON object a line. It ends when
stdin does. SIGINT gives up the request at hand and keeps the model.

    asks     {"model", "checkpoint", "weights", "image_size", "precision", "preprocess", "device", "image", "target"}
    answers  {"attention", "crop", "seconds", "device"} (files of the private folder `target`), {"error"}, {"cancelled"}
"""

from __future__ import annotations

import json
import signal
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TextIO, cast

import numpy as np
import torch

from vitscope.data.pixels import Unreadable, decode
from vitscope.data.preprocess import Preprocess
from vitscope.data.records import ImageSet
from vitscope.errors import DataError, ModelError, VitscopeError
from vitscope.models import build
from vitscope.models.backbone import Backbone
from vitscope.models.shape import geometry_of
from vitscope.models.tap import Piece
from vitscope.run import device as devices
from vitscope.run.loader import preprocess_of
from vitscope.run.measure import DTYPES


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request: a model exactly as a run of the cache had it, and an image file."""

    model: str
    checkpoint: str | None
    weights: str  # identity that the run recorded; other weights are refused
    image_size: tuple[int, int]
    precision: str
    preprocess: str  # the run's, in words
    device: str
    image: str
    target: str  # an existing folder that answers are written to


def ask_of(line: str) -> Ask:
    """An Ask from its JSON; ValueError for anything else, ModelError for a precision that is not known here."""
    try:
        given = json.loads(line)
    except RecursionError:
        raise ValueError("a request is no nest of lists") from None
    names = {field.name for field in fields(Ask)}
    if not isinstance(given, dict) or set(given) != names:
        raise ValueError(f"a request has the fields {', '.join(sorted(names))}")
    size = given["image_size"]
    if not isinstance(size, list) or [type(side) for side in size] != [int, int]:
        raise ValueError("image_size is a height and a width")
    if any(not isinstance(given[name], str) for name in names - {"image_size", "checkpoint"}):
        raise ValueError("a request has texts in its fields")
    if not isinstance(given["checkpoint"], str | None):
        raise ValueError("checkpoint is a path or null")
    if given["precision"] not in DTYPES:
        raise ModelError(f"the run was measured in {given['precision']!r}, which this version does not know.")
    return Ask(**{**given, "image_size": (size[0], size[1])})


class Server:
    """Keeps the last model; answers one request after the other."""

    def __init__(self) -> None:
        self._asked: tuple[Any, ...] | None = None
        self._model: Backbone | None = None
        self._answers = 0

    def answer(self, ask: Ask) -> dict[str, Any]:
        """Run the model over the image and write attention (L, H, T, T) float16 and the crop it saw, uint8 RGB.

        Raises VitscopeError: no such image, model or weights, other weights than the run's, too little memory.
        """
        began = time.monotonic()
        try:
            picture = decode(Path(ask.image))
        except Unreadable as error:
            raise DataError(f"{ask.image} cannot be looked at: {error.reason}.") from None
        with devices.memory_of(devices.choose(ask.device)):
            model = self._of(ask)
            crop = self._crop(ask, model).apply(picture, ask.image_size)
            attention = _attention(model, crop)
        self._answers += 1
        stem = Path(ask.target) / f"live-{self._answers}"
        names = {"attention": f"{stem}-attention.npy", "crop": f"{stem}-crop.npy"}
        np.save(names["attention"], attention, allow_pickle=False)
        np.save(names["crop"], crop, allow_pickle=False)
        return {**names, "seconds": round(time.monotonic() - began, 3), "device": devices.describe(model.device)}

    def _of(self, ask: Ask) -> Backbone:
        """The model of a request, built only when it is another than before."""
        wanted = (ask.model, ask.checkpoint, ask.image_size, ask.precision, ask.device)
        if self._model is None or wanted != self._asked:
            self._model, self._asked = None, None  # two models at once may not fit
            target = devices.choose(ask.device)
            checkpoint = None if ask.checkpoint is None else Path(ask.checkpoint)
            loaded = build.load(ask.model, checkpoint, ask.image_size, "known")  # of archives only those of OpenAI
            dtype = DTYPES[ask.precision]
            loaded.module.to(target, dtype)
            geometry = geometry_of(ask.model, loaded.module, loaded.image_size)
            self._model, self._asked = Backbone(loaded, geometry, target, dtype), wanted
        found = self._model.model.weights
        if found != ask.weights:
            raise ModelError(
                f"the weights of {ask.model} that are here ({found[:17]}…) are not those that the run was measured "
                f"with ({ask.weights[:17]}…): put the checkpoint of the run in place, or extract again."
            )
        return self._model

    def _crop(self, ask: Ask, model: Backbone) -> Preprocess:
        """The run's way from image to crop; ModelError when this version has no such way."""
        nothing = ImageSet("live", "images", Path(), (), ())
        for asked in ("paper", "model"):
            way = preprocess_of(asked, model.model, nothing)
            if way.words == ask.preprocess:
                return way
        raise ModelError(f"images of this run were prepared as {ask.preprocess!r}, which is none of this model's ways.")


def _attention(model: Backbone, crop: np.ndarray) -> np.ndarray:
    """Attention of every layer for one crop, (L, H, T, T) float16."""
    g = model.geometry
    found = np.zeros((g.layers, g.heads, g.tokens, g.tokens), np.float16)

    def keep(piece: Piece) -> None:
        rows = slice(piece.start, piece.start + piece.attention_BHQT.shape[2])
        found[piece.layer, :, rows] = piece.attention_BHQT[0].half().cpu().numpy()

    model.run(torch.from_numpy(crop)[None], on_attention=keep)
    return found


def serve(requests: TextIO, answers: TextIO, server: Server) -> None:
    """Answer every line of `requests` until there are no more; SIGINT between them does what it did before."""
    between = signal.getsignal(signal.SIGINT)
    for line in iter(requests.readline, ""):
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            answer = server.answer(ask_of(line))
        except KeyboardInterrupt:
            answer = {"cancelled": True}
        except (VitscopeError, OSError, ValueError) as error:
            answer = {"error": str(error)}
        finally:
            signal.signal(signal.SIGINT, between)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Serve stdin, with stdout kept for answers: whatever else is printed goes to stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers, sys.stdout = cast("TextIO", sys.stdout), sys.stderr
    serve(sys.stdin, answers, Server())


if __name__ == "__main__":
    main()
