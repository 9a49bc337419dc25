"""Quadrupeds, bipeds, fish, birds, snakes and reptiles, each a list of parts drawn from back to front."""

from __future__ import annotations

from itertools import pairwise

from vitscope.demo.world.parts import Part, Pose, bone, tip


def quadruped(
    pose: Pose, *, neck: float, legs: float, tail: tuple[float, float], head: float, crest: str, trunk: float = 0.0
) -> list[Part]:
    """Four legs; `neck`, `legs` and `trunk` are lengths, `tail` is (length, width), `crest` is horns, ears or knobs."""
    long, high = 0.52 + 0.05 * pose.long, 0.26 + 0.04 * pose.thick
    foot = high * 0.4
    parts = [bone("Tail", -long * 0.85, -high * 0.3, 0.2 + 0.07 * pose.swing, *tail, tone=1, mark="tail")]
    for x, phase, tone, mark in ((-0.55, 1, 2, "far hind foot"), (0.75, -1, 2, "far fore foot"),
                                 (-0.75, -1, 0, "hind foot"), (0.55, 1, 0, "fore foot")):  # fmt: skip
        turn = 0.06 * phase * pose.swing
        parts.append(bone("Foot", x * long, foot, turn, legs, 0.15, shape="box", tone=tone, mark=mark))
    parts.append(Part("Body", "disc", 0, 0, long, high, 0.0, 0, "body"))
    up = 0.6 + 0.03 * pose.nod
    x, y = long * 0.72, -high * 0.35
    parts.append(bone("Body", x, y + 0.06, up, neck + 0.12, 0.2, shape="box", mark="neck"))
    x, y = tip(x, y, up, neck + 0.1)
    parts += [_crest(crest, x + side * head * 3.2, y - head * 0.6, head, side) for side in (-0.06, 0.08)]
    parts.append(Part("Head", "disc", x + head * 0.4, y, head * 1.25, head * 0.8, 0.07 + 0.05 * pose.nod, 0, "head"))
    if trunk:
        parts.append(bone("Head", x + head * 1.2, y, 0.97 + 0.05 * pose.swing, trunk, 0.15, shape="box", mark="trunk"))
    parts.append(Part("Head", "disc", x + head * 0.55, y - head * 0.25, 0.05, 0.05, 0, 2, "eye"))
    return parts


def _crest(kind: str, x: float, y: float, head: float, side: float) -> Part:
    if kind == "horns":
        return bone("Head", x, y, 0.5 + 2.2 * side, head * 1.9, 0.13, shape="triangle", tone=3)
    if kind == "ears":
        return bone("Head", x, y + head * 0.2, 0.5 + side, head * 1.3, head * 0.9, shape="triangle", tone=1)
    if kind == "flaps":
        return Part("Head", "disc", x - head * 0.6, y + head * 0.7, head * 0.75, head * 1.1, 0.05, 1)
    return Part("Head", "disc", x, y - head * 0.3, 0.05, head * 0.7, 0.0, 2)


def biped(pose: Pose, *, arms: float, tail: float, ears: bool, lean: float) -> list[Part]:
    """Stands upright on two feet; `arms` and `tail` are lengths (no tail if 0), `lean` a turn."""
    thick = 0.25 + 0.04 * pose.thick
    parts = [bone("Tail", -0.1, 0.4, 0.17 + 0.04 * pose.nod, tail, 0.16, tone=1, mark="tail")] if tail else []
    for side, tone, mark in ((1, 2, "far foot"), (-1, 0, "near foot")):
        turn = 0.05 * side * pose.swing
        x, y = tip(0.1 * side, 0.4, turn, 0.42)
        parts.append(bone("Foot", 0.1 * side, 0.35, turn, 0.45, 0.2, shape="box", tone=tone))
        parts.append(Part("Foot", "disc", x + 0.1, y, 0.2, 0.09, 0.0, 2, mark))
    parts.append(Part("Body", "disc", 0, 0.1, thick, 0.46 + 0.04 * pose.long, lean, 0, "body"))
    shoulder = (lean * -2.6, -0.2)
    for side, tone, mark in ((1, 2, "far hand"), (-1, 1, "near hand")):
        turn = -0.09 * side + 0.09 * pose.swing
        parts.append(bone("Hand", shoulder[0] + 0.12 * side, shoulder[1], turn, arms, 0.14, tone=tone, mark=mark))
    x, y = shoulder[0] + 0.05 * pose.nod + 0.04, -0.5
    if ears:
        parts += [
            bone("Head", x + dx, y, 0.5 + dx / 2, 0.5, 0.14, tone=1, mark=m) for dx, m in ((-0.1, "ear"), (0.1, ""))
        ]
    parts.append(Part("Head", "disc", x, y, 0.22, 0.2, 0.0, 0, "head"))
    parts.append(Part("Head", "disc", x + 0.08, y + 0.04, 0.12, 0.11, 0.0, 3, "face"))
    parts.append(Part("Head", "disc", x + 0.09, y - 0.02, 0.045, 0.045, 0.0, 2))
    return parts


def fish(pose: Pose, *, long: float, high: float, tail: str, fin: str) -> list[Part]:
    """Seen from its side; `tail` is fork or fan, `fin` is sail (tall, pointed) or ribbon (low, all along)."""
    long, high = long * (1 + 0.08 * pose.long), high * (1 + 0.1 * pose.thick)
    bend = 0.04 * pose.swing
    parts: list[Part] = []
    if tail == "fork":
        for turn, mark in ((0.25 + 0.09, "upper tail"), (0.25 - 0.09, "lower tail")):
            parts.append(bone("Tail", -long * 0.8, 0, turn + bend, 0.48, 0.2, shape="wedge", tone=1, mark=mark))
    else:
        root = -long * 0.9 - 0.1
        parts.append(Part("Tail", "triangle", root, bend * 2, 0.34, 0.24, 0.75 + bend, 1, "tail", (0.0, -0.8)))
    if fin == "sail":
        parts.append(Part("Fin", "triangle", 0.0, -high * 0.9, 0.22, 0.34, 0.46, 1, "back fin", (0.0, 0.8)))
    else:
        parts.append(Part("Fin", "box", -long * 0.05, -high * 0.85, long * 0.6, 0.13, 0.0, 1, "back fin", (0.0, -0.5)))
        parts.append(Part("Fin", "box", -long * 0.1, high * 0.85, long * 0.5, 0.13, 0.0, 1, "belly fin", (0.0, 0.5)))
    parts.append(Part("Body", "disc", 0, 0, long, high, 0.0, 0, "body"))
    snout = "triangle" if fin == "sail" else "disc"
    parts.append(Part("Head", snout, long * 0.72, 0, high * 0.75, long * 0.34, 0.75, 1, "head", (0.0, 0.5)))
    parts.append(
        bone("Fin", long * 0.25, high * 0.2, 0.1 + 0.06 * pose.nod, 0.34, 0.2, shape="wedge", tone=2, mark="side fin")
    )
    parts.append(Part("Head", "disc", long * 0.68, -high * 0.2, 0.06, 0.06, 0.0, 3, "eye"))
    return parts


def wader(pose: Pose) -> list[Part]:
    """A bird on long legs with a long neck and a long beak."""
    parts = [bone("Tail", -0.3, -0.05, 0.22, 0.36, 0.2, shape="wedge", tone=1, mark="tail")]
    for side, mark in ((1, "far foot"), (-1, "near foot")):
        parts.append(
            bone("Foot", 0.06 * side, 0.15, 0.05 * side * pose.swing, 0.78, 0.08, shape="box", tone=2, mark=mark)
        )
    parts.append(Part("Body", "disc", 0, 0, 0.4 + 0.04 * pose.long, 0.25 + 0.03 * pose.thick, 0.0, 0, "body"))
    parts.append(bone("Wing", 0.15, -0.05, 0.22 + 0.02 * pose.swing, 0.55, 0.24, tone=1, mark="wing"))
    up = 0.56 + 0.03 * pose.nod
    parts.append(bone("Head", 0.3, -0.05, up, 0.66, 0.12, shape="box", mark="neck"))
    x, y = tip(0.3, -0.05, up, 0.66)
    parts.append(bone("Head", x, y, 0.77 + 0.03 * pose.nod, 0.48, 0.12, shape="triangle", tone=3, mark="beak"))
    parts.append(Part("Head", "disc", x, y, 0.13, 0.12, 0.0, 0, "head"))
    parts.append(Part("Head", "disc", x + 0.03, y - 0.02, 0.04, 0.04, 0.0, 2))
    return parts


def owl(pose: Pose) -> list[Part]:
    """A bird seen from the front: upright, folded wings, two large eyes."""
    high = 0.62 + 0.04 * pose.long
    parts = [bone("Tail", 0, high * 0.7, 0.02 * pose.swing, 0.36, 0.3, shape="box", tone=2, mark="tail")]
    parts += [
        Part("Foot", "disc", 0.14 * s, high + 0.08, 0.1, 0.07, 0.0, 3, m)
        for s, m in ((-1, "left foot"), (1, "right foot"))
    ]
    parts.append(Part("Body", "disc", 0, 0.12, 0.44 + 0.04 * pose.thick, high, 0.0, 0, "body"))
    for side, mark in ((-1, "left wing"), (1, "right wing")):
        turn = -side * (0.02 + 0.03 * (1 + pose.swing))
        parts.append(bone("Wing", 0.34 * side, -0.15, turn, 0.75, 0.26, tone=1, mark=mark))
    lean = 0.07 * pose.nod
    for side in (-1, 1):
        parts.append(bone("Head", lean + 0.24 * side, -0.6, 0.5 + 0.06 * side, 0.3, 0.2, shape="triangle", tone=1))
    parts.append(Part("Head", "disc", lean, -0.46, 0.4, 0.32, 0.0, 0, "head"))
    for side, mark in ((-1, "left eye"), (1, "right eye")):
        parts.append(Part("Head", "disc", lean + 0.17 * side, -0.5, 0.15, 0.15, 0.0, 3, mark))
        parts.append(Part("Head", "disc", lean + 0.17 * side, -0.5, 0.07, 0.07, 0.0, 2))
    parts.append(bone("Head", lean, -0.42, 0.0, 0.18, 0.1, shape="triangle", tone=2, mark="beak"))
    return parts


def gull(pose: Pose) -> list[Part]:
    """A bird in flight, wings spread."""
    lift = 0.07 + 0.07 * pose.swing
    parts = [bone("Wing", -0.05, -0.02, 0.62 - lift, 0.85, 0.3, shape="wedge", tone=2, mark="far wing")]
    parts.append(bone("Tail", -0.35, 0, 0.25, 0.42, 0.3, shape="wedge", tone=1, mark="tail"))
    parts.append(bone("Foot", -0.2, 0.1, 0.2, 0.25, 0.07, shape="box", tone=3, mark="foot"))
    parts.append(Part("Body", "disc", 0, 0, 0.44 + 0.05 * pose.long, 0.17 + 0.02 * pose.thick, 0.0, 0, "body"))
    parts.append(bone("Wing", 0.02, 0.02, 0.38 + lift, 0.95, 0.34, shape="wedge", tone=1, mark="near wing"))
    y = -0.06 + 0.05 * pose.nod
    parts.append(bone("Head", 0.5, y, 0.76, 0.3, 0.12, shape="triangle", tone=3, mark="beak"))
    parts.append(Part("Head", "disc", 0.46, y, 0.16, 0.15, 0.0, 0, "head"))
    parts.append(Part("Head", "disc", 0.5, y - 0.04, 0.04, 0.04, 0.0, 2))
    return parts


def snake(pose: Pose) -> list[Part]:
    """A body of bends, banded, with a small head."""
    wave = 0.3 * (0.75 + 0.25 * pose.thick)
    phase = 0.12 * pose.swing
    points = [(-0.9 + 0.2 * i * (1 + 0.04 * pose.long), _zigzag(i / 4 + phase) * wave) for i in range(9)]
    parts: list[Part] = []
    for i, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
        mark = {0: "tail", 2: "first bend", 4: "middle", 6: "last bend"}.get(i, "")
        half = max(abs(x1 - x0), abs(y1 - y0)) / 2 + 0.07
        shape_turn = 0.125 * (1 if (y1 - y0) > 0 else -1) if abs(y1 - y0) > 0.05 else 0.0
        parts.append(Part("Body", "disc", (x0 + x1) / 2, (y0 + y1) / 2, half * 1.15, 0.1, shape_turn, i % 2, mark))
    x, y = points[-1]
    parts.append(Part("Head", "disc", x + 0.05, y, 0.19, 0.12, 0.05 * pose.nod, 0, "head"))
    parts.append(Part("Head", "disc", x + 0.1, y - 0.03, 0.04, 0.04, 0.0, 3, "eye"))
    return parts


def _zigzag(turns: float) -> float:
    turns -= float(int(turns // 1))
    return 1 - 4 * abs(turns - 0.5)


def turtle(pose: Pose) -> list[Part]:
    """A dome over four short feet."""
    reach = 0.08 * pose.nod
    parts = [bone("Tail", -0.6, 0.16, 0.2, 0.26, 0.12, shape="triangle", tone=1, mark="tail")]
    for x, side, mark in ((-0.4, 1, "hind foot"), (0.4, -1, "fore foot")):
        parts.append(bone("Foot", x, 0.1, 0.05 * side * pose.swing, 0.36, 0.22, shape="box", tone=1, mark=mark))
    parts.append(bone("Head", 0.5, 0.08, 0.7, 0.32 + reach, 0.18, shape="box", tone=1))
    parts.append(Part("Head", "disc", 0.82 + reach, -0.02, 0.17, 0.14, 0.0, 1, "head"))
    parts.append(Part("Head", "disc", 0.87 + reach, -0.06, 0.04, 0.04, 0.0, 2))
    parts.append(
        Part(
            "Body", "dome", 0, 0.12, 0.64 + 0.05 * pose.long, 0.55 + 0.06 * pose.thick, 0.0, 0, "shell top", (0, -0.85)
        )
    )
    parts.append(Part("Body", "box", 0, 0.15, 0.68, 0.07, 0.0, 3, "shell rim"))
    return parts


def lizard(pose: Pose) -> list[Part]:
    """Seen from above: a slim body, splayed feet, a long tail."""
    parts = [bone("Tail", -0.3, 0, 0.25 + 0.05 * pose.swing, 0.75, 0.2, shape="triangle", tone=1, mark="tail")]
    for x, side, mark in ((-0.22, -1, "hind left foot"), (-0.22, 1, "hind right foot"),
                          (0.28, -1, "fore left foot"), (0.28, 1, "fore right foot")):  # fmt: skip
        turn = (0.0 if side > 0 else 0.5) + 0.07 * pose.swing * (1 if x > 0 else -1)
        parts.append(bone("Foot", x, 0.05 * side, turn, 0.46, 0.13, tone=1, mark=mark))
    parts.append(Part("Body", "disc", 0, 0, 0.46 + 0.04 * pose.long, 0.19 + 0.03 * pose.thick, 0.0, 0, "body"))
    parts.append(Part("Head", "triangle", 0.62, 0.05 * pose.nod, 0.2, 0.27, 0.75, 0, "head"))
    eye = 0.05 * pose.nod
    return parts + [Part("Head", "disc", 0.55, eye + 0.09 * side, 0.05, 0.05, 0.0, 2) for side in (-1, 1)]
