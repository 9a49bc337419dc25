"""`python -m vitscope.demo.train`: train the six small ViTs, several at a time, each on one CPU thread (or on a GPU).

A run that was stopped goes on at its first unfinished epoch.  Each method writes its weights when it is done, and its
curve after every epoch.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

    from vitscope.demo.train.pictures import Pictures
    from vitscope.demo.train.tokenizer import Tokenizer

METHODS = ("dino", "moco", "clip", "beit", "fs", "mae")
"""The longest first, so that methods that train side by side end together."""
SEED = 7
HERE = Path(__file__).parents[1]


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m vitscope.demo.train", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=METHODS, default=list(METHODS), metavar="METHOD")
    parser.add_argument("--out", type=Path, default=HERE, help="where weights/ and curves/ go")
    parser.add_argument("--state", type=Path, default=Path("demo-training"), help="pictures and unfinished trainings")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="methods trained at a time")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return parser.parse_args(arguments)


def method_of(name: str, pictures: Pictures, state: Path, curves: Path) -> nn.Module:
    """An untrained method; BEiT's tokenizer is trained here, or read back if it was before."""
    import torch  # noqa: PLC0415

    from vitscope.demo.train import beit, clip, dino, fs, mae, moco  # noqa: PLC0415

    if name == "clip":
        return clip.ImageText(pictures.captions)
    if name == "beit":
        tokenizer = _tokenizer(pictures, state, curves)
        torch.manual_seed(SEED)  # the same ViT whether the tokenizer was trained just now or before
        return beit.MaskedTokens(tokenizer)
    classes = {
        "dino": dino.SelfDistillation,
        "moco": moco.MomentumContrast,
        "fs": fs.Supervised,
        "mae": mae.MaskedAutoencoder,
    }
    return classes[name]()


def _tokenizer(pictures: Pictures, state: Path, curves: Path) -> Tokenizer:
    import torch  # noqa: PLC0415

    from vitscope.demo.train import tokenizer as tokens  # noqa: PLC0415

    path = state / "tokenizer.pt"
    if path.exists():
        tokenizer = tokens.Tokenizer().eval()
        tokenizer.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        return tokenizer.to(pictures.images.device)
    tokenizer, rows = tokens.trained_tokenizer(pictures, SEED)
    curves.mkdir(parents=True, exist_ok=True)
    with (curves / "beit-tokenizer.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("step", "loss", "perplexity"), *rows])
    part = path.with_suffix(".part")
    torch.save(tokenizer.state_dict(), part)
    part.replace(path)
    return tokenizer


def export(name: str, vit: nn.Module, path: Path) -> None:
    """Write a ViT's weights as float16 safetensors in timm's key names, with a line about what they are."""
    import torch  # noqa: PLC0415
    from safetensors.torch import save_file  # noqa: PLC0415

    from vitscope.demo.zoo import DEMO_MODELS, DEPTH, HEADS, PATCH, SIDE, WIDTH  # noqa: PLC0415

    about = {
        "architecture": type(vit).__name__, "method": name, "objective": DEMO_MODELS[f"demo-{name}"].title,
        "img_size": str(SIDE), "patch": str(PATCH), "width": str(WIDTH), "depth": str(DEPTH), "heads": str(HEADS),
        "mean": "0.5", "std": "0.5", "data": "vitscope embedded world", "license": "MIT",
    }  # fmt: skip
    weights = {key: value.detach().cpu().to(torch.float16).contiguous() for key, value in vit.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    save_file(weights, part, metadata=about)
    part.chmod(0o644)
    part.replace(path)


def train_one(name: str, out: Path, state: Path, device: torch.device) -> None:
    """Train one method to its end and write its weights."""
    import torch  # noqa: PLC0415

    from vitscope.demo.train.loop import fit  # noqa: PLC0415
    from vitscope.demo.train.pictures import TRAIN_PER_CLASS, VAL_PER_CLASS, cached  # noqa: PLC0415

    if device.type == "cpu":
        torch.set_num_threads(1)
    train = cached(state, "train", TRAIN_PER_CLASS).to(device)
    val = cached(state, "val", VAL_PER_CLASS).to(device)
    torch.manual_seed(SEED)
    method = method_of(name, train, state, out / "curves")
    torch.manual_seed(SEED)
    fit(method, train, val, state=state / f"{name}.pt", curve=out / "curves" / f"{name}.csv", seed=SEED)
    export(name, method.exported(), out / "weights" / f"demo-{name}.safetensors")  # type: ignore[operator]


def side_by_side(names: list[str], chosen: argparse.Namespace) -> int:
    """Train methods in processes of their own, `jobs` at a time; returns 1 if one failed."""
    waiting, running, failed = list(names), {}, 0
    while waiting or running:
        while waiting and len(running) < chosen.jobs:
            name = waiting.pop(0)
            command = [sys.executable, "-m", "vitscope.demo.train", "--only", name, "--jobs", "1", "--device", "cpu"]
            command += ["--out", str(chosen.out), "--state", str(chosen.state)]
            running[name] = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
        time.sleep(0.5)
        for name in [name for name, process in running.items() if process.poll() is not None]:
            failed |= int(running.pop(name).returncode != 0)
    return failed


def main(arguments: list[str] | None = None) -> int:
    """Train what the command line asks for."""
    import torch  # noqa: PLC0415

    from vitscope.demo.train.pictures import TRAIN_PER_CLASS, VAL_PER_CLASS, cached  # noqa: PLC0415

    chosen = parsed(arguments)
    names = [name for name in METHODS if name in chosen.only]
    kind = ("cuda" if torch.cuda.is_available() else "cpu") if chosen.device == "auto" else chosen.device
    for split, count in (("train", TRAIN_PER_CLASS), ("val", VAL_PER_CLASS)):
        cached(chosen.state, split, count)
    if kind == "cpu" and len(names) > 1 and chosen.jobs > 1:
        return side_by_side(names, chosen)
    for name in names:
        train_one(name, chosen.out, chosen.state, torch.device(kind))
    return 0


if __name__ == "__main__":
    sys.exit(main())
