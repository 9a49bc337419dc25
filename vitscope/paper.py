"""The twenty models of the paper: exact weights, sizes, licences and normalisation.

The paper is arXiv 2212.03862: section 3.2 and appendix B.2 say which models. Which weights and which normalisation says
its code, github.com/mwalmer-umd/vit_analysis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Normalisation = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Mean and standard deviation of red, green and blue, of pixels from 0 to 1."""

IMAGENET: Normalisation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF: Normalisation = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
OPENAI: Normalisation = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Original:
    """The file that the authors of a model published, and how to get it."""

    file: str
    where: str
    digest: str = ""  # "sha256:…" or "md5:…", of which perhaps only the first digits are known; empty: none is


@dataclass(frozen=True)
class Size:
    """What a model of the paper is made of, at 224 × 224 pixels."""

    layers: int
    width: int
    heads: int
    tokens: int
    millions: float  # of parameters, without a classifier


@dataclass(frozen=True)
class Model:
    """A model with a short name: the timm architecture with its exact tag, and how it was trained."""

    timm: str  # with a tag: its weights come from the Hub
    method: str
    supervision: str  # explicit, contrastive or reconstruction
    about: str
    kind: str = ""  # of the paper's: size and patch, "B/16"
    file: str | None = None  # weights that vitscope ships, relative to the package
    arguments: Mapping[str, Any] = field(default_factory=dict)  # what makes the architecture another one
    licence: str = "MIT"  # of the weights
    normalisation: Normalisation | None = None  # None: that of the timm architecture
    size: Size | None = None
    original: Original | None = None
    caution: str = ""  # said whenever the Hub's weights are taken: how they differ from the paper's

    @property
    def by_hand(self) -> bool:
        """Whether the weights are in no repository of timm's: they have to be given with --checkpoint."""
        return self.file is None and "." not in self.timm


@dataclass(frozen=True)
class _Family:
    """What the models of the paper that were trained in one way have in common."""

    method: str
    supervision: str
    about: str
    licence: str
    normalisation: Normalisation
    where: str

    def model(self, kind: str, timm: str, file: str, size: Size, **more: Any) -> Model:
        """A ViT of this family; `kind` as the paper writes it, "B/16"."""
        digest = more.pop("digest", "")
        return Model(
            timm=timm,
            method=self.method,
            supervision=self.supervision,
            about=f"{self.about}; ViT-{kind}",
            kind=kind,
            licence=self.licence,
            normalisation=self.normalisation,
            size=size,
            original=Original(file, self.where, digest),
            **more,
        )


_FS = _Family("FS", "explicit", "labels", "Apache-2.0", HALF, "https://storage.googleapis.com/vit_models/augreg/")
_CLIP = _Family("CLIP", "explicit", "image and text", "MIT", OPENAI, "https://github.com/openai/CLIP (clip/clip.py)")
_DINO = _Family(
    "DINO", "contrastive", "self-distillation", "Apache-2.0", IMAGENET, "https://github.com/facebookresearch/dino"
)
_MOCO = _Family(
    "MoCo-v3",
    "contrastive",
    "contrast with a momentum encoder",
    "CC-BY-NC-4.0",
    IMAGENET,
    "https://github.com/facebookresearch/moco-v3 (CONFIG.md)",
)
_MAE = _Family(
    "MAE", "reconstruction", "masked pixels", "CC-BY-NC-4.0", IMAGENET, "https://github.com/facebookresearch/mae"
)
_BEIT = _Family(
    "BEiT",
    "reconstruction",
    "masked visual tokens",
    "MIT",
    HALF,
    "https://github.com/microsoft/unilm/tree/master/beit (its links need the access token given there); "
    "https://huggingface.co/microsoft has the same weights as a folder",
)

_TOKEN = {"global_pool": "token"}  # with a final norm, as the pre-trained file has it
_ANOTHER_S8 = (
    "timm has DINO's default weights of S/8; the paper used those of 300 epochs, dino_deitsmall8_300ep_pretrain.pth "
    "(give that file with --checkpoint)"
)


def _augreg(size: str, recipe: str, rate: str) -> str:
    """Name of an FS file: pre-trained on ImageNet-21k, fine-tuned on ImageNet-1k at 224 pixels."""
    return f"{size}-i21k-300ep-lr_0.001-aug_{recipe}--imagenet2012-steps_20k-lr_{rate}-res_224.npz"


_LIGHT, _MEDIUM, _STRONG, _LARGE = (
    "light1-wd_0.03-do_0.0-sd_0.0",
    "medium1-wd_0.03-do_0.0-sd_0.0",
    "medium1-wd_0.1-do_0.0-sd_0.0",
    "medium1-wd_0.1-do_0.1-sd_0.1",
)

MODELS: dict[str, Model] = {
    "fs": _FS.model(
        "B/16",
        "vit_base_patch16_224.augreg_in21k_ft_in1k",
        _augreg("B_16", _STRONG, "0.01"),
        Size(12, 768, 12, 197, 85.80),
    ),
    "fs-s32": _FS.model(
        "S/32",
        "vit_small_patch32_224.augreg_in21k_ft_in1k",
        _augreg("S_32", _LIGHT, "0.03"),
        Size(12, 384, 6, 50, 22.49),
    ),
    "fs-s16": _FS.model(
        "S/16",
        "vit_small_patch16_224.augreg_in21k_ft_in1k",
        _augreg("S_16", _LIGHT, "0.03"),
        Size(12, 384, 6, 197, 21.67),
    ),
    "fs-b32": _FS.model(
        "B/32",
        "vit_base_patch32_224.augreg_in21k_ft_in1k",
        _augreg("B_32", _MEDIUM, "0.03"),
        Size(12, 768, 12, 50, 87.46),
    ),
    "fs-b8": _FS.model(
        "B/8",
        "vit_base_patch8_224.augreg_in21k_ft_in1k",
        _augreg("B_8", _STRONG, "0.01"),
        Size(12, 768, 12, 785, 85.81),
    ),
    "fs-l16": _FS.model(
        "L/16",
        "vit_large_patch16_224.augreg_in21k_ft_in1k",
        _augreg("L_16", _LARGE, "0.01"),
        Size(24, 1024, 16, 197, 303.30),
    ),
    "clip": _CLIP.model(
        "B/16",
        "vit_base_patch16_clip_quickgelu_224.openai",
        "ViT-B-16.pt",
        Size(12, 768, 12, 197, 85.80),
        digest="sha256:5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",
    ),
    "clip-b32": _CLIP.model(
        "B/32",
        "vit_base_patch32_clip_quickgelu_224.openai",
        "ViT-B-32.pt",
        Size(12, 768, 12, 50, 87.46),
        digest="sha256:40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
    ),
    "clip-l14": _CLIP.model(
        "L/14",
        "vit_large_patch14_clip_quickgelu_224.openai",
        "ViT-L-14.pt",
        Size(24, 1024, 16, 257, 303.18),
        digest="sha256:b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836",
    ),
    "dino": _DINO.model(
        "B/16", "vit_base_patch16_224.dino", "dino_vitbase16_pretrain.pth", Size(12, 768, 12, 197, 85.80)
    ),
    "dino-s16": _DINO.model(
        "S/16", "vit_small_patch16_224.dino", "dino_deitsmall16_pretrain.pth", Size(12, 384, 6, 197, 21.67)
    ),
    "dino-s8": _DINO.model(
        "S/8",
        "vit_small_patch8_224.dino",
        "dino_deitsmall8_300ep_pretrain.pth",
        Size(12, 384, 6, 785, 21.67),
        caution=_ANOTHER_S8,
    ),
    "dino-b8": _DINO.model(
        "B/8", "vit_base_patch8_224.dino", "dino_vitbase8_pretrain.pth", Size(12, 768, 12, 785, 85.81)
    ),
    "moco": _MOCO.model("B/16", "vit_base_patch16_224", "vit-b-300ep.pth.tar", Size(12, 768, 12, 197, 85.80)),
    "moco-s16": _MOCO.model(
        "S/16",
        "vit_small_patch16_224",
        "vit-s-300ep.pth.tar",
        Size(12, 384, 12, 197, 21.67),
        arguments={"num_heads": 12},  # everybody else's ViT-S has 6
    ),
    "mae": _MAE.model(
        "B/16",
        "vit_base_patch16_224.mae",
        "mae_pretrain_vit_base.pth",
        Size(12, 768, 12, 197, 85.80),
        digest="md5:8cad7c",
    ),
    "mae-l16": _MAE.model(
        "L/16",
        "vit_large_patch16_224.mae",
        "mae_pretrain_vit_large.pth",
        Size(24, 1024, 16, 197, 303.30),
        digest="md5:b8b06e",
    ),
    "mae-h14": _MAE.model(
        "H/14",
        "vit_huge_patch14_224.mae",
        "mae_pretrain_vit_huge.pth",
        Size(32, 1280, 16, 257, 630.76),
        digest="md5:9bdbb0",
    ),
    "beit": _BEIT.model(
        "B/16",
        "beit_base_patch16_224",
        "beit_base_patch16_224_pt22k.pth",
        Size(12, 768, 12, 197, 85.76),
        arguments=_TOKEN,
    ),
    "beit-l16": _BEIT.model(
        "L/16",
        "beit_large_patch16_224",
        "beit_large_patch16_224_pt22k.pth",
        Size(24, 1024, 16, 197, 303.41),
        arguments=_TOKEN,
    ),
}
