"""Files in the original layout of every method compute what the method's own model computes."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.models.layouts.looking import assert_agree, look, small
from tests.models.layouts.originals import Beit, Clip, Seen, ViT, jax_arrays, jax_forward, pixels, seeded
from vitscope import catalog
from vitscope.errors import WeightsError
from vitscope.models.build import load

Case = tuple[str, str, Callable[[Path], Callable[[Tensor], Seen]]]


def prefixed(model: nn.Module, prefix: str) -> dict[str, Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in model.state_dict().items()}


def fs(path: Path) -> Callable[[Tensor], Seen]:
    arrays = jax_arrays()
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return lambda images: jax_forward(arrays, images)


def fs_of_a_trainer(path: Path) -> Callable[[Tensor], Seen]:
    arrays = jax_arrays()
    np.savez(path, **{f"opt/target/{name}": array for name, array in arrays.items()})  # type: ignore[arg-type]
    return lambda images: jax_forward(arrays, images)


def clip(path: Path) -> Callable[[Tensor], Seen]:
    model = seeded(Clip(numbers=True))
    torch.save(model.state_dict(), path)
    return model.visual  # type: ignore[return-value]


def clip_state(path: Path) -> Callable[[Tensor], Seen]:
    model = seeded(Clip(numbers=False))
    torch.save(model.state_dict(), path)
    return model.visual  # type: ignore[return-value]


def backbone(path: Path) -> Callable[[Tensor], Seen]:
    model = seeded(ViT())
    torch.save(model.state_dict(), path)
    return model


def dino(path: Path, teachers: str = "") -> Callable[[Tensor], Seen]:
    student, teacher = seeded(ViT(), 5), seeded(ViT(), 0)
    head = seeded(nn.Linear(128, 9))
    content: dict[str, Any] = {
        "student": prefixed(student, "module.backbone.") | prefixed(head, "module.head.last_layer."),
        "teacher": prefixed(teacher, f"{teachers}backbone.") | prefixed(head, f"{teachers}head.last_layer."),
        "optimizer": torch.optim.AdamW(student.parameters()).state_dict(),
        "epoch": 300,
        "args": Namespace(arch="vit_small", lr=0.0005),
        "dino_loss": {"center": torch.zeros(1, 9)},
    }
    torch.save(content, path)
    return teacher


def dino_in_parallel(path: Path) -> Callable[[Tensor], Seen]:
    """As networks with batch norms are saved: the teacher is wrapped as well."""
    return dino(path, "module.")


def moco(path: Path) -> Callable[[Tensor], Seen]:
    base, momentum, head = seeded(ViT(), 0), seeded(ViT(), 5), seeded(nn.Linear(128, 9))
    state = prefixed(base, "module.base_encoder.") | prefixed(momentum, "module.momentum_encoder.")
    state |= prefixed(head, "module.base_encoder.head.0.") | prefixed(head, "module.momentum_encoder.head.0.")
    state |= prefixed(head, "module.predictor.0.")
    torch.save({"epoch": 300, "arch": "vit_base", "state_dict": state, "optimizer": {"state": {}}}, path)
    return base


def mae(path: Path) -> Callable[[Tensor], Seen]:
    model = seeded(ViT())
    torch.save({"model": model.state_dict()}, path)
    return model


def mae_with_decoder(path: Path) -> Callable[[Tensor], Seen]:
    model, decoder = seeded(ViT()), seeded(nn.ModuleList([nn.Linear(128, 64)]))
    state = model.state_dict() | {"mask_token": torch.zeros(1, 1, 64), "decoder_pos_embed": torch.zeros(1, 17, 64)}
    state |= prefixed(decoder[0], "decoder_embed.") | prefixed(seeded(ViT()).blocks[0], "decoder_blocks.0.")  # type: ignore[arg-type,index]
    state |= prefixed(decoder[0], "decoder_pred.") | prefixed(nn.LayerNorm(64), "decoder_norm.")
    torch.save({"model": state, "optimizer": {}, "epoch": 800, "scaler": {}, "args": Namespace(model="mae")}, path)
    return model


def beit(path: Path) -> Callable[[Tensor], Seen]:
    model = seeded(Beit())
    torch.save({"model": model.state_dict()}, path)
    return model


CASES: dict[str, Case] = {
    "fs.npz": ("FS", "Google's JAX .npz", fs),
    "fs-trainer.npz": ("FS", "Google's JAX .npz", fs_of_a_trainer),
    "clip.pt": ("CLIP", "OpenAI's CLIP", clip),
    "clip-state.pt": ("CLIP", "OpenAI's CLIP", clip_state),
    "dino.pth": ("DINO", "timm, DINO backbone or MAE encoder", backbone),
    "dino-full.pth": ("DINO", "DINO, full checkpoint (its teacher)", dino),
    "dino-parallel.pth": ("DINO", "DINO, full checkpoint (its teacher)", dino_in_parallel),
    "moco.pth.tar": ("MoCo-v3", "MoCo-v3 (its base encoder)", moco),
    "mae.pth": ("MAE", "timm, DINO backbone or MAE encoder", mae),
    "mae-decoder.pth": ("MAE", "MAE with its decoder (its encoder)", mae_with_decoder),
    "beit.pth": ("BEiT", "BEiT", beit),
}
DROPPED = {
    "fs.npz": "head/bias, head/kernel",
    "fs-trainer.npz": "head/bias, head/kernel",
    "clip-state.pt": "logit_scale, text_projection, token_embedding.weight, transformer.resblocks.0.… (12), "
    "visual.proj",
    "clip.pt": "context_length, input_resolution, logit_scale, text_projection, token_embedding.weight, "
    "transformer.resblocks.0.… (12), visual.proj, vocab_size",
    "dino-full.pth": "student.module.… (44), teacher.head.last_layer.… (2)",
    "dino-parallel.pth": "student.module.… (44), teacher.module.head.last_layer.… (2)",
    "moco.pth.tar": "base_encoder.head.0.… (2), momentum_encoder.… (44), predictor.0.… (2)",
    "mae-decoder.pth": "decoder_blocks.0.… (12), decoder_embed.… (2), decoder_norm.… (2), decoder_pos_embed, "
    "decoder_pred.… (2), mask_token",
    "beit.pth": "lm_head.bias, lm_head.weight, mask_token, rel_pos_bias.relative_position_index",
}


@pytest.fixture
def small_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """`small-METHOD` in the catalog."""
    for method in ("FS", "CLIP", "DINO", "MoCo-v3", "MAE", "BEiT"):
        monkeypatch.setitem(catalog.MODELS, f"small-{method}", small(method))


@pytest.mark.parametrize("file", CASES)
def test_every_block_agrees(tmp_path: Path, small_models: None, file: str) -> None:
    method, layout, write = CASES[file]
    model = write(tmp_path / file)
    loaded = load(f"small-{method}", tmp_path / file)
    with torch.inference_mode():
        assert_agree(look(loaded, pixels()), model(pixels()))
    assert loaded.notes[0] == f"{file} is in the layout of {layout}"
    left_out = " ".join(note for note in loaded.notes if note.startswith("left out"))
    assert left_out == (f"left out of {file}: {DROPPED[file]}" if file in DROPPED else "")
    normalisation = catalog.MODELS[f"small-{method}"].normalisation
    assert (loaded.mean, loaded.std) == normalisation


@pytest.mark.parametrize("file", CASES)
def test_a_tensor_too_few_or_too_many_is_named(tmp_path: Path, small_models: None, file: str) -> None:
    """By the name that it has in the file, or in timm where it is missing."""
    method, _, write = CASES[file]
    write(tmp_path / file)
    kept = content(tmp_path / file)
    wanted = next(
        name
        for name in kept
        if name.endswith(("blocks.1.norm1.weight", "resblocks.1.ln_1.weight", "encoderblock_1/LayerNorm_0/scale"))
        and "student" not in name
        and "momentum" not in name
        and "decoder" not in name
    )
    few, many = dict(kept), dict(kept)
    del few[wanted]
    stem = wanted.replace("1.norm1", "1.norm7").replace("1.ln_1", "1.ln_7").replace("1/LayerNorm_0", "1/LayerNorm_7")
    many[stem] = kept[wanted]
    for tensors, sentence in (
        (few, r"holds 2 layers|missing: blocks\.1\.norm1\.weight"),
        (many, "not expected: .*7.*"),
    ):
        other = tmp_path / f"other{''.join(Path(file).suffixes)}"
        np.savez(other, **tensors) if file.endswith("npz") else torch.save(tensors, other)  # type: ignore[arg-type]
        with pytest.raises(WeightsError, match=sentence):
            load(f"small-{method}", other)


def content(path: Path) -> dict[str, Any]:
    """The tensors of a file, flat, under the names that they have in it."""
    if path.suffix == ".npz":
        return dict(np.load(path))
    with torch.serialization.safe_globals([Namespace]):
        held = torch.load(path, weights_only=True)
    if "teacher" in held:
        return {f"teacher.{name}": tensor for name, tensor in held["teacher"].items()}
    return held.get("state_dict", held.get("model", held))
