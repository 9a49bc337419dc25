"""Cars, cycles, boats, aeroplanes and bottles, each a list of parts drawn from back to front."""

from __future__ import annotations

from vitscope.demo.world.parts import Part, Pose, bone


def _wheel(x: float, y: float, radius: float, mark: str) -> list[Part]:
    return [
        Part("Tier", "disc", x, y, radius, radius, 0.0, 2, mark),
        Part("Tier", "disc", x, y, radius / 2, radius / 2, 0.0, 3),
    ]


def hatchback(pose: Pose) -> list[Part]:
    """A low car with a rounded roof."""
    roof = 0.46 + 0.05 * pose.long
    parts = [Part("Body", "dome", -0.05, -0.02, roof, 0.42 + 0.04 * pose.thick, 0.0, 0, "roof", (0, -0.85))]
    parts.append(Part("Body", "dome", -0.05, -0.04, roof * 0.78, 0.3, 0.0, 3, "window", (0, -0.4)))
    parts.append(Part("Body", "box", -0.05, -0.18, 0.03, 0.16, 0.0, 0))
    parts.append(Part("Body", "box", 0, 0.13, 0.82, 0.2, 0.0, 0, "door"))
    parts.append(Part("Body", "disc", 0.76, 0.08, 0.07, 0.07, 0.0, 3, "lamp"))
    parts.append(Part("Body", "box", -0.79, 0.08, 0.05, 0.07, 0.0, 1, "tail lamp"))
    parts.append(Part("Side Mirror", "disc", 0.36, -0.1, 0.09, 0.07, 0.05 * pose.nod, 1, "mirror"))
    return parts + _wheel(-0.46, 0.35, 0.21, "rear wheel") + _wheel(0.46, 0.35, 0.21, "front wheel")


def lorry(pose: Pose) -> list[Part]:
    """A high box behind a cab."""
    parts = [Part("Body", "box", -0.25, -0.15, 0.62 + 0.03 * pose.long, 0.44 + 0.04 * pose.thick, 0.0, 1, "load")]
    parts.append(Part("Body", "box", 0.62, 0.02, 0.27, 0.3, 0.0, 0, "cab"))
    parts.append(Part("Body", "box", 0.7, -0.1, 0.14, 0.12, 0.0, 3, "window"))
    parts.append(Part("Body", "box", 0, 0.33, 0.88, 0.07, 0.0, 2))
    parts.append(Part("Side Mirror", "box", 0.95, -0.08, 0.05, 0.13, 0.03 * pose.nod, 2, "mirror"))
    for x, mark in ((-0.65, "rear wheel"), (-0.22, "middle wheel"), (0.6, "front wheel")):
        parts += _wheel(x, 0.45, 0.19, mark)
    return parts


def bicycle(pose: Pose) -> list[Part]:
    """Two ring wheels joined by a frame."""
    reach = 0.52 + 0.03 * pose.long
    parts = [
        Part("Tier", "ring", -reach, 0.3, 0.4, 0.4, 0.0, 2, "rear wheel"),
        Part("Tier", "ring", reach, 0.3, 0.4, 0.4, 0.0, 2, "front wheel"),
    ]
    wide = 0.11 + 0.02 * pose.thick
    lean = 0.06 * pose.nod
    parts.append(bone("Body", -reach, 0.3, 0.75, reach, wide, shape="box", mark="pedals"))
    parts.append(bone("Body", 0.0, 0.3, 0.62, 0.62, wide, shape="box"))
    parts.append(bone("Body", 0.05, 0.32, 0.46, 0.6, wide, shape="box"))
    parts.append(bone("Body", -0.1, -0.14, 0.75, 0.5, wide, shape="box", mark="crossbar"))
    parts.append(bone("Head", reach, 0.3, 0.47, 0.75, wide, shape="box", tone=1))
    parts.append(Part("Head", "box", reach - 0.12, -0.45, 0.2, 0.06, 0.05 + lean, 1, "handlebar"))
    parts.append(Part("Seat", "disc", -0.12, -0.32, 0.2, 0.08, 0.0, 2, "seat"))
    return parts


def unicycle(pose: Pose) -> list[Part]:
    """One large ring wheel under a post and a seat."""
    lean = 0.04 * pose.nod
    post = 0.75 + 0.06 * pose.long
    parts = [Part("Tier", "ring", 0, 0.38, 0.5, 0.5, 0.0, 2, "wheel", (0.0, 0.85))]
    parts.append(bone("Body", 0, 0.38, 0.5 + lean, post, 0.13 + 0.02 * pose.thick, shape="box", mark="post"))
    parts.append(bone("Body", 0, 0.38, 0.25 + 0.2 * pose.swing, 0.24, 0.09, shape="box", tone=1, mark="left pedal"))
    parts.append(bone("Body", 0, 0.38, 0.75 + 0.2 * pose.swing, 0.24, 0.09, shape="box", tone=1, mark="right pedal"))
    x = lean * 6 * post
    parts.append(Part("Head", "disc", x, -0.3, 0.1, 0.12, 0.0, 1, "clamp"))
    parts.append(Part("Seat", "disc", x, -0.45, 0.36, 0.13, lean, 1, "seat"))
    return parts


def sailboat(pose: Pose) -> list[Part]:
    """A hull under one tall three-cornered sail and a small one."""
    lean = 0.02 * pose.nod
    parts = [bone("Body", 0, 0.4, 0.5 + lean, 1.25, 0.06, shape="box", tone=2, mark="mast")]
    parts.append(Part("Sail", "corner", 0.34, -0.18, 0.3 + 0.03 * pose.long, 0.56, lean, 1, "main sail"))
    parts.append(Part("Sail", "corner", -0.24, -0.06, -0.2 + 0.03 * pose.swing, 0.42, lean, 3, "jib"))
    parts.append(Part("Body", "hull", 0, 0.6, 0.75, 0.2 + 0.03 * pose.thick, 0.0, 0, "hull"))
    parts.append(Part("Body", "box", 0.7, 0.42, 0.06, 0.05, 0.0, 1, "bow"))
    parts.append(Part("Body", "box", -0.7, 0.42, 0.06, 0.05, 0.0, 1, "stern"))
    return parts


def junk(pose: Pose) -> list[Part]:
    """A high-sterned hull under two square, ribbed sails."""
    parts: list[Part] = []
    for x, mark in ((-0.38, "rear sail"), (0.32, "front sail")):
        parts.append(bone("Body", x, 0.4, 0.5, 1.15, 0.06, shape="box", tone=2))
        for row in range(3):
            width = 0.3 + 0.04 * pose.swing
            parts.append(
                Part("Sail", "box", x, 0.08 - 0.3 * row, width, 0.12, 0.01 * pose.nod, 1, mark if row == 1 else "")
            )
    parts.append(Part("Body", "hull", 0, 0.55, 0.8 + 0.04 * pose.long, 0.22 + 0.03 * pose.thick, 0.0, 0, "hull"))
    parts.append(Part("Body", "box", -0.66, 0.25, 0.16, 0.16, 0.0, 0, "stern"))
    parts.append(Part("Body", "box", 0.7, 0.38, 0.08, 0.06, 0.0, 3, "bow"))
    return parts


def jet(pose: Pose) -> list[Part]:
    """An aeroplane from above: swept wings with an engine under each."""
    sweep = 0.08 + 0.015 * pose.swing
    parts: list[Part] = []
    for side, wing, engine, tail in (
        (-1, "left wing", "left engine", "left tail"),
        (1, "right wing", "right engine", "right tail"),
    ):
        turn = (0.0 + sweep) if side > 0 else (0.5 - sweep)
        parts.append(bone("Wing", 0.12, 0.05 * side, turn, 0.92, 0.36, shape="wedge", tone=1, mark=wing))
        parts.append(Part("Engine", "box", -0.02, 0.4 * side, 0.16, 0.08, 0.0, 2, engine))
        parts.append(bone("Tail", -0.68, 0.03 * side, turn, 0.4, 0.22, shape="wedge", tone=1, mark=tail))
    parts.append(Part("Body", "disc", 0, 0, 0.9 + 0.04 * pose.long, 0.14 + 0.02 * pose.thick, 0.0, 0, "body"))
    parts.append(Part("Head", "disc", 0.74, 0, 0.18, 0.1, 0.01 * pose.nod, 3, "nose"))
    return parts


def wine_bottle(pose: Pose) -> list[Part]:
    """Straight sides, a long thin neck."""
    wide = 0.26 + 0.03 * pose.thick
    parts = [Part("Body", "box", 0, 0.4, wide, 0.5, 0.0, 0, "base", (0, 0.9))]
    parts.append(Part("Body", "dome", 0, -0.08, wide, 0.3, 0.0, 0, "shoulder", (0, -0.5)))
    parts.append(Part("Body", "box", 0, 0.42, wide * 0.98, 0.22 + 0.04 * pose.nod, 0.0, 3, "label"))
    parts.append(Part("Mouth", "box", 0, -0.55 - 0.04 * pose.long, 0.1, 0.35, 0.0, 0, "neck"))
    parts.append(Part("Mouth", "box", 0, -0.87, 0.13, 0.08, 0.0, 1, "cork"))
    return parts


def flask(pose: Pose) -> list[Part]:
    """A round belly, a short neck, a wide lip."""
    round_ = 0.56 + 0.04 * pose.thick
    parts = [Part("Body", "box", 0, 0.82, 0.34, 0.08, 0.0, 2, "foot")]
    parts.append(Part("Body", "disc", 0, 0.26, round_, 0.56, 0.0, 0, "belly"))
    parts.append(Part("Body", "disc", -0.2, 0.1, 0.13, 0.2, 0.06, 3, "shine"))
    parts.append(Part("Mouth", "box", 0, -0.38, 0.18, 0.26 + 0.04 * pose.long, 0.0, 0, "neck"))
    parts.append(Part("Mouth", "box", 0, -0.66, 0.32, 0.08, 0.01 * pose.nod, 1, "lip"))
    return parts
