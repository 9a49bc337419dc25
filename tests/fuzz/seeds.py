"""`python -m tests.fuzz.seeds`: the well-formed seeds of the corpus, made anew; those that crashes left are kept."""

from __future__ import annotations

import argparse
import io
import json
import pickle
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import safetensors.numpy
import scipy.io
import torch
from PIL import Image

from tests.data import trees
from tests.fuzz import stores
from tests.fuzz.readers import CORPUS
from vitscope.data.davis import write_mask
from vitscope.store import files, layout
from vitscope.store.arrays import write_state
from vitscope.store.process import Owner

Made = Iterator[tuple[str, bytes]]


def _bytes(write: Callable[[Any], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def images() -> Made:
    """A picture of six by five pixels in every format and depth."""
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 4), dtype=np.uint8)
    rgb, rgba = Image.fromarray(pixels[..., :3]), Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = {"PNG": {}, "JPEG": {"exif": exif}, "WEBP": {"lossless": True}, "BMP": {}, "TIFF": {"compression": "tiff_lzw"},
             "PPM": {}, "GIF": {}}  # fmt: skip
    for kind, options in kinds.items():
        yield kind.lower(), _bytes(lambda file, k=kind, o=options: rgb.save(file, k, **o))
    deep = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    yield "png-16", _bytes(lambda file: deep.save(file, "PNG"))
    yield "png-rgba", _bytes(lambda file: rgba.save(file, "PNG", exif=exif))
    yield "png-palette", _bytes(lambda file: rgb.quantize(4).save(file, "PNG", transparency=0))
    yield "png-animated", _bytes(lambda file: rgb.save(file, "PNG", save_all=True, append_images=[rgb.rotate(90)]))
    yield "jpeg-cmyk", _bytes(lambda file: rgb.convert("CMYK").save(file, "JPEG"))
    yield "tiff-float", _bytes(lambda file: Image.fromarray(pixels[..., 0] / np.float32(255)).save(file, "TIFF"))


def masks() -> Made:
    """A mask as DAVIS has them, and one without a palette."""
    numbers = np.arange(20, dtype=np.uint8).reshape(4, 5) % 3
    with tempfile.TemporaryDirectory() as folder:
        write_mask(Path(folder) / "mask.png", numbers)
        yield "palette", (Path(folder) / "mask.png").read_bytes()
    colours = Image.fromarray((numbers[..., None] == [1, 9, 9]).astype(np.uint8) * 128)
    yield "rgb", _bytes(lambda file: colours.save(file, "PNG"))


def as_json(**values: object) -> Made:
    """Values as JSON."""
    yield from ((name, json.dumps(value).encode()) for name, value in values.items())


def meta() -> Made:
    """The list of two classes, plain and compressed."""
    row = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O")]
    synsets = np.array([(1, "n01440764", "tench", 0), (2, "n01443537", "goldfish", 0)], dtype=row)
    yield "two-classes", _bytes(lambda file: scipy.io.savemat(file, {"synsets": synsets}))
    yield "compressed", _bytes(lambda file: scipy.io.savemat(file, {"synsets": synsets}, do_compression=True))


def parquet() -> Made:
    """Two images with labels."""
    picture = dict(images())["png"]
    rows = [{"bytes": picture, "path": f"ILSVRC2012_val_{n:08d}_n0144076{n}.JPEG"} for n in (1, 2)]
    table = pyarrow.table({"image": rows, "label": [0, 1]})
    for name, options in (("plain", {"compression": "none"}), ("snappy", {})):
        yield name, _bytes(lambda file, o=options: pyarrow.parquet.write_table(table, file, **o))


def weights() -> dict[str, np.ndarray]:
    """A few tensors under the names of timm."""
    rng = np.random.default_rng(0)
    shapes = {
        "cls_token": (1, 1, 4),
        "pos_embed": (1, 5, 4),
        "patch_embed.proj.weight": (4, 3, 2, 2),
        "norm.weight": (4,),
    }
    shapes |= {"blocks.0.attn.qkv.weight": (12, 4), "blocks.0.attn.qkv.bias": (12,), "head.weight": (2, 4)}
    return {name: rng.random(shape, np.float32) for name, shape in shapes.items()}


def google() -> dict[str, np.ndarray]:
    """A few arrays under Google's names."""
    attention = "Transformer/encoderblock_0/MultiHeadDotProductAttention_1"
    rng, parts = np.random.default_rng(0), ("query", "key", "value")
    arrays = {"embedding/kernel": rng.random((2, 2, 3, 4)), "cls": rng.random((1, 1, 4))}
    arrays |= {f"{attention}/{part}/kernel": rng.random((4, 2, 2)) for part in parts}
    arrays |= {f"{attention}/{part}/bias": rng.random((2, 2)) for part in parts}
    return {name: values.astype(np.float32) for name, values in arrays.items()}


def torch_() -> Made:
    """What training scripts save: a state dict, alone and with options."""
    state = OrderedDict((name, torch.from_numpy(values)) for name, values in weights().items())
    yield "state-dict", _bytes(lambda file: torch.save(state, file))
    kept = {"model": dict(state), "args": argparse.Namespace(lr=0.1), "epoch": 3}
    yield "with-options", _bytes(lambda file: torch.save(kept, file))


def old() -> Made:
    """The same as torch saved it before version 1.6, and a pickle that would run a command."""
    state = {name: torch.from_numpy(values) for name, values in weights().items()}
    yield "state-dict", _bytes(lambda file: torch.save(state, file, _use_new_zipfile_serialization=False))
    yield "runs-code", b"cos\nsystem\n(S'true'\ntR."


def stored() -> dict[str, bytes]:
    """Files of the cache, by the reader of each."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        documents = stores.documents(folder / "cache")
        run = next(
            path for path in (folder / "cache").iterdir() if "saliency" not in path.name and "knn" not in path.name
        )
        write_state(folder / "state", {"images": np.array(2), "total": np.ones((2, 3), np.float32)})
        return {
            "cache": json.dumps(documents).encode(),
            "sealed-json": (run / "run.json").read_bytes(),
            "shard-state": (folder / "state").read_bytes(),
            "lock": json.dumps({**Owner.me().to_json(), "token": "0" * 32, "host": "elsewhere", "machine": "0",
                                "boot": "", "namespace": "", "start": ""}).encode(),
        }  # fmt: skip


def texts(**values: str) -> Made:
    """Texts by name; a dash stands for the underscore."""
    yield from ((name.replace("_", "-"), value.encode()) for name, value in values.items())


def everything() -> dict[str, Made]:
    """The seeds of every reader."""
    kept = stored()
    gone = json.loads(kept["lock"]) | {"host": Owner.me().host, "machine": Owner.me().machine, "boot": "before"}
    vit = {"model_type": "vit", "hidden_size": 8, "num_attention_heads": 2, "layer_norm_eps": 1e-6, "image_size": 32}
    timm = {
        "architecture": "vit_tiny_patch16_224",
        "model_args": {"img_size": 32},
        "pretrained_cfg": {"mean": [0, 0, 0]},
    }
    beit = {"model_type": "beit", "use_mean_pooling": False, "architectures": ["BeitForMaskedImageModeling"]}
    dino = {"model_type": "dinov2_with_registers", "use_swiglu_ffn": True, "num_register_tokens": 4, "hidden_size": 16}
    shard = {"record": {"images": 2}, "states": {}, "rows": {}, "shard": 0}
    caches = {
        "caches": {"/cache": {"place": "mae/1/2@head", "palette": "inferno", "light": True, "when": 1.5}},
        "version": 1,
    }
    ask = {"model": "mae", "checkpoint": None, "weights": "x", "image_size": [32, 32], "precision": "fp32",
           "preprocess": "p", "device": "cpu", "image": "a.png", "target": "t"}  # fmt: skip
    answer = {"attention": "live-1-attention.npy", "crop": "live-1-attention.npy", "seconds": 1.5, "device": "cpu"}
    npy = _bytes(lambda file: np.save(file, np.ones((2, 3), np.float32)))
    return {
        "images": images(),
        "davis-mask": masks(),
        "davis-list": texts(two="cow\ndog\n", out="cow\n../outside\n"),
        "coco": as_json(two=trees.annotations(), out=trees.annotations(("../outside.jpg", "b.jpg"))),
        "partimagenet": as_json(two=trees.annotations(("n01440764_1.JPEG", "val/n01440764/n01440764_2.JPEG"))),
        "spair": as_json(pair=trees.pair(), out=trees.pair() | {"src_imname": "../../../outside.jpg"}),
        "gnd": iter([("plain", pickle.dumps(trees.TRUTH, protocol=2)), ("runs-code", b"cos\nsystem\n(S'true'\ntR."),
                     ("out", pickle.dumps({**trees.TRUTH, "imlist": ["../outside"] * 4}, protocol=2))]),
        "kaggle-table": texts(
            two="ImageId,PredictionString\nILSVRC2012_val_00000001,n01440764 1 2 3 4\n"
            'ILSVRC2012_val_00000002,"n01443537 1 2 3 4"\n'
        ),
        "meta.mat": meta(),
        "devkit-labels": texts(two="1\n2\n"),
        "parquet": parquet(),
        "safetensors": iter([("timm", safetensors.numpy.save(weights()))]),
        "npz": iter([("google", _bytes(lambda file: np.savez(file, **google()))),
                     ("packed", _bytes(lambda file: np.savez_compressed(file, **google())))]),
        "torch": torch_(),
        "torch-old": old(),
        "config.json": as_json(vit=vit, timm=timm, beit=beit, dinov2=dino, clip={"model_type": "clip", "vision_config": vit}),
        "preprocessor": as_json(usual={"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}),
        "array": iter([("two-by-three", npy)]),
        "shard-state": iter([("distance", kept["shard-state"])]),
        "shard-record": as_json(one=shard),
        "sealed-json": iter([("run", kept["sealed-json"]), ("small", files.sealed({"spec": {}}))]),
        "lock": as_json(elsewhere=json.loads(kept["lock"]), gone=gone),
        "cache": iter([("three-runs", kept["cache"])]),
        "settings": texts(every='cache = "here"\nworkers = 2\n[data]\nimages = "~/photos"\n[keys]\ndown = "j down"\n'),
        "variable": texts(path="/cache", home="~/cache", number="7", device="cuda:1"),
        "memory": as_json(one=caches),
        "place": texts(
            head="small/2/1@head?q=2,3&received=yes", image="small/1/1@image:1", cka="small@cka?with=small&tokens=cls",
            find="small@find?find=distance%3C.2", runs="@runs",
        ),
        "query": texts(terms="tag:offset layer:>=2 distance<.2 sort:-iou", groups="model:mae iou<2 | -tag:sink", bare="sink"),
        "presses": texts(keys="l l enter : 'palette cividis' enter", size="120x40"),
        "pasted": texts(command="goto small/1/1@head", find="tag:sink", file="~/picture.svg", path="file:///a%20b/c.png"),
        "terminal": texts(
            keys="jl\r\x1b[A\x1bOB\x1b[5~?\x1b", replies="\x1b[?2026;2$y\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[24;80R\x1b[?1u",
            mouse="\x1b[<0;10;5M\x1b[<64;1;1M", paste="/\x1b[200~tag:sink\x1b[31m\x1b[201~\r", unicode="é🦀\x9b2J",
        ),
        "live-asks": as_json(one=ask),
        "live-answers": iter([("one", json.dumps(answer).encode() + b"\n" + npy)]),
    }  # fmt: skip


if __name__ == "__main__":
    for reader, made in everything().items():
        (CORPUS / reader).mkdir(parents=True, exist_ok=True)
        for name, content in made:
            (CORPUS / reader / f"{name}.seed").write_bytes(content)
assert layout.FORMAT == 1  # the corpus is of this format
