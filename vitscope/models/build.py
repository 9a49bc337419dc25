"""A model's name, and perhaps a checkpoint → an eval model that is ready to be tapped."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any, cast

import torch
from huggingface_hub.errors import HfHubHTTPError
from torch import nn

from vitscope.errors import ModelError, WeightsError, out_of_memory
from vitscope.models import checkpoint as checkpoints
from vitscope.models import fit, hub, huggingface, layouts, names, noise, positions, traits
from vitscope.models.archives import TorchScript, file_digest
from vitscope.models.huggingface import Described
from vitscope.models.names import Named
from vitscope.models.shape import check_architecture, own_size
from vitscope.paper import Normalisation, Original

SEED = 0
PACKAGE = Path(__file__).parents[1]

Size = tuple[int, int]


@dataclass(frozen=True)
class Loaded:
    """An eval model in float32 on the CPU, and what is known of it."""

    name: str  # as the user named it
    module: nn.Module
    weights: str  # identity of the weights: "sha256:…", or "random:SEED"
    image_size: Size  # height, width
    mean: tuple[float, float, float]  # normalisation, RGB in 0 … 1
    std: tuple[float, float, float]
    checkpoint: dict[str, str] | None  # file, its sha256, and the path of one that the user gave
    notes: tuple[str, ...]  # sentences for the user: which layout, what was dropped, which size was taken

    @property
    def normalization(self) -> str:
        """Mean and standard deviation in clear."""
        return f"mean {self.mean} std {self.std}"


@dataclass(frozen=True)
class _Source:
    """Where weights come from."""

    file: Path
    label: str  # what messages call it
    shipped: bool = False
    given: bool = False  # by the user, so that nothing but its path finds it again

    @property
    def facts(self) -> dict[str, str]:
        """File, sha256 and, of a file that was given, path, as a run keeps them."""
        facts = {"file": self.label, "sha256": file_digest(self.file)}
        return facts | ({"path": str(self.file.resolve())} if self.given else {})

    def described(self) -> Described | None:
        """What the config.json beside it says; None where there is none."""
        folder = self.file.parent
        return huggingface.describe(folder) if (folder / huggingface.CONFIG).is_file() else None


def load(
    name: str,
    checkpoint: Path | None = None,
    image_size: Size | None = None,
    torchscript: TorchScript = "refuse",
) -> Loaded:
    """Build the model called `name` with its own weights, or with those of `checkpoint` (a file, or a folder).

    `name` is a catalog name, timm/NAME with or without a tag, hf-hub:ORG/NAME, random (noise), or random/NAME for an
    untrained model. Raises UnknownName, ModelError (cannot be built so), WeightsError (no weights, or wrong ones).
    """
    named = names.resolve(name)
    if checkpoint is not None and (named.untrained or name == names.RANDOM):
        raise ModelError(f"{name} has random weights by definition: give either --checkpoint or a random model.")
    if name == names.RANDOM:
        return _loaded(named, noise.build(image_size), image_size, noise.WEIGHTS)
    if named.untrained:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            return _loaded(named, named.create(image_size), image_size, f"random:{SEED}")
    source = _source(named, checkpoint)
    if source is None:
        return _from_timm(named, image_size)
    return _from_file(named, source, image_size, torchscript)


def _loaded(
    named: Named,
    module: nn.Module,
    image_size: Size | None,
    weights: str,
    source: _Source | None = None,
    notes: tuple[str, ...] = (),
    normalisation: Normalisation | None = None,
) -> Loaded:
    module.eval().requires_grad_(False)
    config = cast("dict[str, Any]", module.pretrained_cfg)
    own = named.entry.normalisation if named.entry else normalisation
    mean, std = own or (tuple(config["mean"]), tuple(config["std"]))
    return Loaded(
        name=named.name,
        module=module,
        weights=weights,
        image_size=image_size or own_size(module),
        mean=mean,
        std=std,
        checkpoint=None if source is None else source.facts,
        notes=notes + traits.pooling(module),
    )


# Where weights come from


def _source(named: Named, checkpoint: Path | None) -> _Source | None:
    """The file to read; None where timm gets it. Raises WeightsError where it has to be given and is not."""
    if checkpoint is None and named.entry is not None and named.entry.file:
        file = PACKAGE / named.entry.file
        return _Source(file, file.name, shipped=True)
    if checkpoint is None and not named.repository:
        if named.entry is not None and named.entry.by_hand:
            raise _by_hand(named)
        return None
    if checkpoint is None:
        file = huggingface.weights_of(hub.snapshot(named.name, named.repository))
        return _Source(file, f"{named.repository}/{file.name}")
    if not checkpoint.is_dir():
        return _Source(checkpoint, checkpoint.name, given=True)
    file = huggingface.weights_of(checkpoint)
    return _Source(file, f"{checkpoint.resolve().name}/{file.name}", given=True)


def _by_hand(named: Named) -> WeightsError:
    original = named.entry and named.entry.original
    assert original is not None
    return WeightsError(
        f"the weights of {named.name} have to be supplied by hand, timm has none: get {original.file} from "
        f"{original.where} and give it with --checkpoint {original.file}."
    )


def _from_timm(named: Named, image_size: Size | None) -> Loaded:
    """The weights of timm's tag, from the Hugging Face cache or the Hub; never random ones instead."""
    repository = hub.repository_of(named.timm)
    if not repository or hub.cached(repository) is None:
        check_architecture(named.name, lambda: named.create(image_size), image_size)  # before anything is fetched
    hub.check(named.name, named.timm)
    try:
        module = named.create(image_size, pretrained=True)
    except (OSError, RuntimeError, MemoryError, HfHubHTTPError) as error:
        if out_of_memory(error):
            raise ModelError(
                f"this machine has too little memory left for {named.name}: end other programs, take a smaller model, "
                "or another machine."
            ) from error
        raise hub.missing(named.name, named.timm, hub.repository_of(named.timm), error) from error
    file = hub.taken(named.timm)
    notes = [named.entry.caution] if named.entry and named.entry.caution else []
    own = tuple(cast("dict[str, Any]", module.pretrained_cfg)["input_size"][1:])
    if image_size is not None and image_size != own:
        notes.append(f"position table resampled from images of {_pixels(own)} to {_pixels(image_size)} pixels")
    changes = []
    if names.quick_gelu(named.timm):
        changes = traits.give(module, layouts.Traits(activation="quick_gelu"), named.timm)
        notes.append("QuickGELU in place of timm's exact GELU, as OpenAI trained these weights")
    source = None if file is None else _Source(file, f"{hub.repository_of(named.timm)}/{file.name}")
    return _loaded(named, module, image_size, checkpoints.weights_digest(module, changes), source, tuple(notes))


def _from_file(named: Named, source: _Source, image_size: Size | None, torchscript: TorchScript) -> Loaded:
    """The architecture with the weights of a file, at the image size asked for, else that of its position tables."""
    described = None
    if named.repository:
        described = source.described() or huggingface.describe(hub.snapshot(named.name, named.repository))
        named = replace(named, timm=described.timm, arguments=described.arguments)
    tensors = checkpoints.read(source.file, torchscript)
    layout = layouts.recognise(tensors, source.label)
    converted = layout.convert(tensors)
    if layout.config and (described := described or source.described()) is not None:
        converted = replace(converted, traits=described.traits)
    elif layout.config:
        unsaid = f"no config.json beside {source.label}: LayerNorm eps and activation are those of {named.name}"
        converted = replace(converted, notes=(*converted.notes, unsaid))
    fit.check_method(named, layout, converted, source.label)
    if named.repository:
        fit.check_room(named, converted, image_size, source.label)
    module, sized = _filled(named, source, layout, converted, image_size)
    changes = traits.give(module, converted.traits, source.label)
    notes = () if source.shipped else (*_told(named, source, layout, converted, changes), *sized)
    digest = checkpoints.weights_digest(module, changes)
    return _loaded(named, module, image_size, digest, source, notes, described and described.normalisation)


def _filled(
    named: Named, source: _Source, layout: layouts.Layout, converted: layouts.Converted, image_size: Size | None
) -> tuple[nn.Module, list[str]]:
    """The module with the tensors in it, and what to say of position tables and of what the model has no place for.

    A table of another size is resampled as timm does with its own weights (bicubic), only where a size was asked for.
    """
    module, notes = named.create(image_size), []
    fit.check_size(named, module, layout, converted, source.label)
    implied = positions.implied_size(module, converted.tensors, image_size)
    if implied is not None:
        module = named.create(implied)
    unused = checkpoints.fill(module, converted.tensors, source.label, named.name)
    dropped = [*converted.dropped, *unused]
    if dropped and not source.shipped:
        notes.append(f"left out of {source.label}: {_counted(dropped)}")
    if implied is not None and image_size is None:
        notes.append(f"images of {_pixels(implied)} pixels, as the checkpoint's position table says")
    elif implied is not None and image_size is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch remarks about timm's indexing helps nobody here
            module.set_input_size(img_size=image_size)  # type: ignore[operator]
        notes.append(f"position table resampled from images of {_pixels(implied)} to {_pixels(image_size)} pixels")
    return module, notes


def _counted(names: list[str]) -> str:
    """Up to four names; of more, one for all that begin alike, with how many these are.

    >>> _counted(["head.bias", "head.weight"]), _counted(["scale", *(f"text.{layer}.bias" for layer in range(8))])
    ('head.bias, head.weight', 'scale, text.… (8)')
    """
    if len(names) <= 4:
        return ", ".join(sorted(names))
    alike: dict[str, list[list[str]]] = {}
    for name in sorted(names):
        alike.setdefault(name.partition(".")[0], []).append(name.split("."))
    said = []
    for parts in alike.values():
        same = [level[0] for level in takewhile(lambda level: len(set(level)) == 1, zip(*parts, strict=False))]
        said.append(".".join(same) if len(parts) == 1 else f"{'.'.join(same)}.… ({len(parts)})")
    return ", ".join(said)


def _told(
    named: Named, source: _Source, layout: layouts.Layout, converted: layouts.Converted, changes: list[str]
) -> list[str]:
    """What a user should know of a file: its layout, what it says of the model, whether it is the published one."""
    notes = [f"{source.label} is in the layout of {layout.name}", *fit.unsaid(named, layout, source.label)]
    notes += converted.notes
    if changes:
        notes.append(f"{' and '.join(changes)}, as {'its config.json says' if layout.config else layout.name + ' has'}")
    original = named.entry.original if named.entry else None
    return notes + (_published(source, original, named.entry.caution) if named.entry and original else [])


def _published(source: _Source, original: Original, caution: str) -> list[str]:
    """Whether the file is the one that the paper used, as far as its digest or its name tells."""
    kind, _, digits = original.digest.partition(":")
    if digits and source.file.name == original.file:
        found = file_digest(source.file, kind)
        if found.startswith(digits):
            return [f"{kind} as published: {original.file}"]
        return [f"not the published {original.file}: its {kind} begins with {found[:6]}, not {digits[:6]}"]
    if caution and source.file.name != original.file:
        return [f"the paper used {original.file}; whether {source.label} is the same cannot be told"]
    return []


def _pixels(size: Size) -> str:
    return f"{size[0]}×{size[1]}"
