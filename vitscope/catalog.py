"""The index of the book: every model, data set, metric and view, one line each. Nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from vitscope import paper
from vitscope.errors import UnknownName
from vitscope.paper import Model

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """Where a thing lives ("module:name") and what it is, in a few words."""

    target: str
    about: str
    default: bool = True  # metrics: measured unless `--metrics` says otherwise


@dataclass(frozen=True)
class Shown(Entry):
    """A view: of one run, or of several models at once."""

    task: str = ""  # the kind of run it shows, a name of TASKS; empty: an extraction
    several: bool = False  # it is given the cache and all models that were asked for, not one run


@dataclass(frozen=True)
class Evaluation(Entry):
    """A task: its `target` is a class of vitscope.tasks."""

    kinds: tuple[str, ...] = ()  # the data that it is for, names of DATASETS; the first is drawn in the embedded world
    vectors: bool = False  # an extraction looks at the images for it, which decodes in processes of its own


_SMALL = {"img_size": 80, "patch_size": 8, "embed_dim": 96, "depth": 8, "num_heads": 6}
_SMALL_BEIT = {**_SMALL, "global_pool": "token", "use_abs_pos_emb": False, "use_rel_pos_bias": True, "init_values": 0.1}


def _demo(method: str, supervision: str, about: str) -> Model:
    """One of the six small models that were trained on the embedded world."""
    file = f"demo/weights/demo-{method.partition('-')[0].lower()}.safetensors"
    if method == "BEiT":
        return Model("beit_base_patch16_224", method, supervision, about, file=file, arguments=_SMALL_BEIT)
    return Model("vit_tiny_patch16_224", method, supervision, about, file=file, arguments=_SMALL)


MODELS: dict[str, Model] = {
    **paper.MODELS,
    "demo-fs": _demo("FS", "explicit", "labels; the embedded world"),
    "demo-clip": _demo("CLIP", "explicit", "image and text; the embedded world"),
    "demo-dino": _demo("DINO", "contrastive", "self-distillation; the embedded world"),
    "demo-moco": _demo("MoCo-v3", "contrastive", "contrast with a momentum encoder; the embedded world"),
    "demo-mae": _demo("MAE", "reconstruction", "masked pixels; the embedded world"),
    "demo-beit": _demo("BEiT", "reconstruction", "masked visual tokens; the embedded world"),
}

GROUPS: dict[str, tuple[str, ...]] = {
    "paper": ("fs", "clip", "dino", "moco", "mae", "beit"),
    "paper-all": (  # in the order of the paper's tables
        *("fs-s32", "fs-s16", "fs-b32", "fs", "fs-b8", "fs-l16", "clip-b32", "clip", "clip-l14"),
        *("dino-s16", "dino-s8", "dino", "dino-b8", "moco-s16", "moco", "mae", "mae-l16", "mae-h14"),
        *("beit", "beit-l16"),
    ),
    "demo": tuple(name for name, model in MODELS.items() if model.file),
}

DATASETS: dict[str, Entry] = {
    "images": Entry("vitscope.data.images:read", "a folder of photographs, flat or in class folders"),
    "imagenet": Entry(
        "vitscope.data.imagenet:images", "ImageNet-1k in four layouts, or class folders in train and val"
    ),
    "coco": Entry("vitscope.data.coco:images", "COCO 2017, with outlines of objects"),
    "partimagenet": Entry("vitscope.data.partimagenet:images", "PartImageNet, with outlines of parts"),
    "roxford5k": Entry("vitscope.data.revisited:roxford5k", "revisited Oxford, for retrieval"),
    "rparis6k": Entry("vitscope.data.revisited:rparis6k", "revisited Paris, for retrieval"),
    "davis": Entry("vitscope.data.davis:images", "DAVIS-2017, videos with masks of objects"),
    "spair": Entry("vitscope.data.spair:images", "SPair-71k, pairs of photographs with keypoints"),
}

METRICS: dict[str, Entry] = {
    "attention": Entry("vitscope.metrics.attention:Attention", "mean attention of every token to every token"),
    "spatial-attention": Entry(
        "vitscope.metrics.spatial_attention:SpatialAttention", "mean attention among patches, rows renormalised"
    ),
    "distance": Entry("vitscope.metrics.distance:Distance", "how far a head looks"),
    "entropy": Entry("vitscope.metrics.entropy:Entropy", "how evenly a head spreads its attention"),
    "prefix-mass": Entry("vitscope.metrics.prefix_mass:PrefixMass", "attention of patches to CLS and registers"),
    "class-attention": Entry("vitscope.metrics.class_attention:ClassAttention", "mean attention on tokens, per class"),
    "head-deviation": Entry("vitscope.metrics.head_deviation:HeadDeviation", "how much heads differ", default=False),
    "position-deviation": Entry(
        "vitscope.metrics.position_deviation:PositionDeviation", "how much query positions differ", default=False
    ),
    "gallery": Entry("vitscope.metrics.gallery:Gallery", "a few images with all their attention"),
    "vectors": Entry("vitscope.metrics.vectors:Vectors", "CLS and mean patch token of every image, for tasks"),
    "grams": Entry("vitscope.metrics.grams:Grams", "Gram matrices of every layer's tokens, for CKA"),
    "norm-grams": Entry("vitscope.metrics.grams:NormGrams", "Gram matrices after each block's norms, for CKA"),
    "residual-grams": Entry("vitscope.metrics.grams:ResidualGrams", "Gram matrices of skips and branches, for CKA"),
    "residual-norms": Entry("vitscope.metrics.norms:ResidualNorms", "how long a skip is against its branch"),
    "token-norms": Entry("vitscope.metrics.norms:TokenNorms", "how long patch tokens are, and how many stand out"),
}

TASKS: dict[str, Evaluation] = {
    "knn": Evaluation(
        "vitscope.tasks.knn:Knn", "classification by nearest neighbours", kinds=("imagenet",), vectors=True
    ),
    "retrieval": Evaluation(
        "vitscope.tasks.retrieval:Retrieval",
        "the same place in other photographs",
        kinds=("roxford5k", "rparis6k"),
        vectors=True,
    ),
    "davis": Evaluation("vitscope.tasks.davis:Davis", "objects followed through a video", kinds=("davis",)),
    "spair": Evaluation("vitscope.tasks.spair:SPair", "keypoints found again in another image", kinds=("spair",)),
    "saliency": Evaluation(
        "vitscope.tasks.saliency:Saliency", "heads' attention against masks of objects", kinds=("partimagenet", "coco")
    ),
    "clusters": Evaluation(
        "vitscope.tasks.clusters:Clusters",
        "k-means of images against classes",
        kinds=("imagenet", "images"),
        vectors=True,
    ),
    "objects": Evaluation("vitscope.tasks.objects:Objects", "k-means of objects against labels", kinds=("coco",)),
    "parts": Evaluation("vitscope.tasks.parts:Parts", "k-means of parts against labels", kinds=("partimagenet",)),
}

VIEWS: dict[str, Shown] = {
    "attention": Shown("vitscope.views.attention:view", "where a query token looks, on average or in one image"),
    "aligned": Shown("vitscope.views.aligned:view", "aligned aggregated attention maps (AAAM)"),
    "distance": Shown("vitscope.views.distance:view", "attention distance of every head"),
    "offset": Shown("vitscope.views.offset:view", "mean displacement of every head's attention"),
    "heads": Shown("vitscope.views.heads:view", "every number and tag of every head in one table"),
    "deviation": Shown("vitscope.views.deviation:view", "deviation over heads and over token positions"),
    "cka": Shown("vitscope.views.cka:view", "how alike layers and models are (CKA)", several=True),
    "residual": Shown("vitscope.views.residual:view", "what attention and MLP add to the stream"),
    "norms": Shown("vitscope.views.norms:view", "norms of patch tokens, and outliers among them"),
    "clusters": Shown(
        "vitscope.views.clusters:view", "how well clusters agree with classes", task="clusters", several=True
    ),
    "objects": Shown("vitscope.views.tasks:objects", "how well clusters find objects", task="objects", several=True),
    "parts": Shown("vitscope.views.tasks:parts", "how well clusters find parts", task="parts", several=True),
    "knn": Shown("vitscope.views.tasks:knn", "accuracy of nearest neighbours", task="knn", several=True),
    "retrieval": Shown("vitscope.views.tasks:retrieval", "retrieval, mAP", task="retrieval", several=True),
    "davis": Shown("vitscope.views.tasks:davis", "video segmentation, J and F", task="davis", several=True),
    "spair": Shown("vitscope.views.tasks:spair", "keypoint matching, PCK", task="spair", several=True),
    "saliency": Shown(
        "vitscope.views.tasks:saliency", "IoU of attention with masks of objects", task="saliency", several=True
    ),
    "summary": Shown("vitscope.views.summary:view", "the best layer of every model in every task", several=True),
}


def rank(model: str) -> int:
    """The place of a model in the order of the catalog; those that are not in it share the last."""
    return next((place for place, name in enumerate(MODELS) if name == model), len(MODELS))


def find(kind: str, table: Mapping[str, T], name: str) -> T:
    """The entry called `name`; raises UnknownName with the nearest names."""
    try:
        return table[name]
    except KeyError:
        raise UnknownName(kind, name, table) from None


def load(kind: str, table: Mapping[str, Entry], name: str) -> Any:
    """The object that the entry called `name` points at; raises UnknownName."""
    module, _, attribute = find(kind, table, name).target.partition(":")
    return getattr(import_module(module), attribute)
