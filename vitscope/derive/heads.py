"""What kind of head it is: tags with scores, from the dataset means alone (paper sections 4.1 to 4.3, Fig. 2 and 3).

All rules and their thresholds are here. Lengths are in tokens and shares are relative to what the same head would do if
its queries were shuffled, so that grids of 7×7 and 28×28 patches are judged alike. What moves with the content of each
image is blurred in a mean: a pattern of few patches that differs from image to image shows as sparse over a handful of
images and as global over thousands. On the trained DINOv2 ViT-S/14 the scores leave wide gaps around most thresholds:
offset heads lean by 0.82 or more and other local heads by 0.62 or less, few patches get 0.83 in one head and 0.18 or
less in all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitscope.derive import shape
from vitscope.derive.aligned import aligned
from vitscope.derive.query import token_names
from vitscope.geometry import Geometry


@dataclass(frozen=True)
class Thresholds:
    """The numbers in the rules of `tags`."""

    bright: float = 0.1  # the core of an AAAM is what reaches a tenth of its peak: less is lost in a drawn map
    local: float = 0.75  # local: looks at most three quarters as far as with its queries shuffled
    wide: float = 0.85  # global: the query's place shortens its looks by 15 % or less
    strict: float = 0.25  # strict: the own token gets a quarter of the attention among patches (uniform: 1/P) …
    strict_core: float = 0.5  # … and half of what stands out in the AAAM
    offset: float = 0.5  # offset: the core's centre is half a token away or more …
    lean: float = 0.7  # … and it is one-sided: 0.7 is a Gaussian blob moved by 0.7 deviations, 1 has nothing behind it
    axial: float = 0.7  # axial: across its axis it looks at most 0.7 times as far as with its queries shuffled …
    elongation: float = 2.0  # … its core is twice as long as wide …
    length: float = 1.25  # … with a standard deviation of 1.25 tokens along it, more than four tokens end to end
    arms: float = 0.25  # both axes: a quarter of the local part lies on the arms of a cross …
    arms_unlike: float = 1.3  # … each of which has 1.3 times what a blob of the same size has there (exactly 1)
    lift: float = 4.0  # sparse: the patches with four times their fair share …
    sparse: float = 1 / 3  # … together get a third of the attention among patches …
    sparse_shared: float = 0.5  # … and nine queries in ten agree on half of that, patch by patch …
    sparse_apart: float = 0.5  # … and their neighbours get less than half as much: dots, not a blob
    sink: float = 0.5  # sink: one token gets most of what patches attend to
    patches: float = 0.1  # where patches keep less than a tenth of the attention, its pattern is not described


THRESHOLDS = Thresholds()

DIRECTIONS = ("right", "down-right", "down", "down-left", "left", "up-left", "up", "up-right")


@dataclass(frozen=True)
class Tag:
    """One kind that a head is of. `score` is the number that the rule weighs, see `tags`."""

    name: str
    detail: str
    score: float

    def __str__(self) -> str:
        """Such as "offset-local right" or "global"."""
        return f"{self.name} {self.detail}".strip()


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The numbers that the rules use, each an array (L, H)."""

    geometry: Geometry
    kept: np.ndarray  # share of their attention that patches give to patches
    reach: np.ndarray  # mean length of a look over that with queries shuffled
    reach_x: np.ndarray  # the same of its part to the right or left
    reach_y: np.ndarray  # the same of its part up or down
    own: np.ndarray  # share of the attention among patches on the query's own token
    core_own: np.ndarray  # share of the core on the query's own token
    core_x: np.ndarray  # centre of the core in tokens, to the right
    core_y: np.ndarray  # and down
    lean: np.ndarray  # how one-sided the core is: 0 balanced, 1 all on one side
    extent_x: np.ndarray  # standard deviation of the core in tokens along the row
    extent_y: np.ndarray  # and along the column
    arms: np.ndarray  # share of the local part on the arms of a cross
    arms_unlike: np.ndarray  # what the weaker arm has over what a blob has there
    few_share: np.ndarray  # what patches with several times their fair share get of the attention among patches,
    few_shared: np.ndarray  # how much of that nine queries in ten agree on,
    few_apart: np.ndarray  # and how far they outshine their neighbours
    sink_token: np.ndarray  # the token that patches attend to most, among all T
    sink_share: np.ndarray  # its share of their attention

    @property
    def size(self) -> np.ndarray:
        """How far the centre of the core is from the query, in tokens."""
        return np.hypot(self.core_x, self.core_y)

    @property
    def elongation(self) -> np.ndarray:
        """Extent of the core along its row over that along its column, or the other way round: 1 or more."""
        return np.maximum(self.extent_x / self.extent_y, self.extent_y / self.extent_x)


def profile(attention_LHTT: np.ndarray, spatial_LHPP: np.ndarray, geometry: Geometry) -> Profile:
    """Every score of every head from Ā and R̄; rows of R̄ that are null weigh nothing."""
    canvas = aligned(spatial_LHPP, geometry)
    mass = canvas.sum(axis=(-2, -1))
    canvas = canvas / np.where(mass == 0, 1.0, mass)[..., None, None]
    received = spatial_LHPP.mean(axis=-2, dtype=np.float64) / np.where(mass == 0, 1.0, mass)[..., None]
    background = shape.shuffled(received, geometry)
    local = shape.local_part(canvas, background, geometry)
    core = shape.core(local, THRESHOLDS.bright, geometry)
    cross, unlike = shape.arms(local, geometry)
    few = shape.few(spatial_LHPP, received, THRESHOLDS.lift, geometry)
    reach, reach_x, reach_y = (
        shape.ratio(shape.mean_length(canvas, geometry, axis), shape.mean_length(background, geometry, axis))
        for axis in ("both", "right", "down")
    )
    given = attention_LHTT[..., len(geometry.prefix) :, :].mean(axis=-2, dtype=np.float64)
    return Profile(
        geometry=geometry,
        kept=given[..., len(geometry.prefix) :].sum(axis=-1),
        reach=reach,
        reach_x=reach_x,
        reach_y=reach_y,
        own=canvas[..., geometry.rows - 1, geometry.columns - 1],
        core_own=core.own,
        core_x=core.centre[..., 0],
        core_y=core.centre[..., 1],
        lean=core.lean,
        extent_x=core.extent[..., 0],
        extent_y=core.extent[..., 1],
        arms=cross,
        arms_unlike=unlike,
        few_share=few.share,
        few_shared=few.shared,
        few_apart=few.apart,
        sink_token=given.argmax(axis=-1),
        sink_share=given.max(axis=-1),
    )


def tags(profile: Profile) -> list[list[list[Tag]]]:
    """The tags of each head, [layer][head].

    strict-local             score: share of the attention among patches on the own token
    offset-local, DIRECTION  score: how far, in tokens; one of eight directions
    axial, row|column|cross  score: length over width of the core; for a cross how far its arms exceed a blob's
    soft-local               score: 1 − reach, by how much its looks are shorter than with queries shuffled
    global                   score: reach
    sparse                   score: share of the attention among patches that the few patches receive
    sink, TOKEN              score: share of the patches' attention on that token: "cls", "reg1" or ROW,COL from 1

    One head may be offset-local and axial; strict-local, soft-local and global exclude these and each other. sparse and
    sink come beside local tags, but not with global, unless the sink is a prefix token, nor, of patches, with each
    other. A head between local and global has none of them.
    """
    layers, heads = profile.reach.shape
    found: list[list[list[Tag]]] = [[[] for _ in range(heads)] for _ in range(layers)]
    for rule in (*_local(profile), *_wide(profile)):
        for layer, head in np.argwhere(rule.holds):
            detail, score = str(rule.detail[layer, head]), float(rule.score[layer, head])
            found[layer][head].append(Tag(rule.name, detail, score))
    return found


@dataclass(frozen=True)
class _Rule:
    """Which heads are of one kind, as arrays (L, H)."""

    name: str
    holds: np.ndarray  # bool
    detail: np.ndarray  # str
    score: np.ndarray


def _local(profile: Profile) -> list[_Rule]:
    """The kinds of local attention of Fig. 3; the heads that each rule holds for."""
    limit, described = THRESHOLDS, profile.kept >= THRESHOLDS.patches
    local = described & (profile.reach <= limit.local)
    strict = local & (profile.own >= limit.strict) & (profile.core_own >= limit.strict_core)
    offset = local & ~strict & (profile.size >= limit.offset) & (profile.lean >= limit.lean)
    shape, score = _axial(profile)
    axial = described & ~strict & (shape != "")
    soft = local & ~strict & ~offset & ~axial
    nothing = np.full(local.shape, "")
    sector = np.round(np.arctan2(profile.core_y, profile.core_x) / (np.pi / 4))
    direction = np.array(DIRECTIONS)[np.nan_to_num(sector).astype(int) % len(DIRECTIONS)]
    return [
        _Rule("strict-local", strict, nothing, profile.own),
        _Rule("offset-local", offset, direction, profile.size),
        _Rule("axial", axial, shape, score),
        _Rule("soft-local", soft, nothing, 1 - profile.reach),
    ]


def _axial(profile: Profile) -> tuple[np.ndarray, np.ndarray]:
    """ "row", "column", "cross" or "" for each head, and the score; whether it is strict is not asked here."""
    limit = THRESHOLDS
    oblong = profile.elongation >= limit.elongation
    row = oblong & (profile.reach_y <= limit.axial) & (profile.extent_x >= limit.length)
    row &= profile.extent_x > profile.extent_y
    column = oblong & (profile.reach_x <= limit.axial) & (profile.extent_y >= limit.length)
    column &= profile.extent_y > profile.extent_x
    cross = (profile.arms >= limit.arms) & (profile.arms_unlike >= limit.arms_unlike)
    cross &= (profile.reach <= limit.local) & ~row & ~column
    shape = np.select([row, column, cross], ["row", "column", "cross"], "")
    return shape, np.where(cross, profile.arms_unlike, profile.elongation)


def _wide(profile: Profile) -> list[_Rule]:
    """Heads that look far, and tokens that everybody looks at; the heads that each rule holds for."""
    limit, geometry, described = THRESHOLDS, profile.geometry, profile.kept >= THRESHOLDS.patches
    sink = profile.sink_share >= limit.sink
    on_patch = sink & (profile.sink_token >= len(geometry.prefix))
    sparse = described & ~on_patch & (profile.few_share >= limit.sparse)
    sparse &= (profile.few_shared >= limit.sparse_shared) & (profile.few_apart >= limit.sparse_apart)
    axial = _axial(profile)[0] != ""
    wide = described & (profile.reach >= limit.wide) & ~axial & ~sparse & ~on_patch
    nothing = np.full(sink.shape, "")
    return [
        _Rule("global", wide, nothing, profile.reach),
        _Rule("sparse", sparse, nothing, profile.few_share),
        _Rule("sink", sink, np.array(token_names(geometry))[profile.sink_token], profile.sink_share),
    ]
