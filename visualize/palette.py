"""Colours: the two sides of the body told apart, one accent colour per person. All colours are RGB, 0..255."""

from __future__ import annotations

__all__ = ["ACCENTS", "BACKGROUND", "SIDE_COLOURS", "Colour", "accent", "mix", "readable_on"]

Colour = tuple[int, int, int]

#: Orange against blue stays apart in all common kinds of colour blindness; the trunk is a light neutral.
SIDE_COLOURS: dict[str, Colour] = {
    "left": (56, 152, 255),
    "right": (255, 138, 48),
    "centre": (222, 228, 238),
}

#: Dark slate behind the 3D scene.
BACKGROUND: Colour = (22, 27, 38)

#: None of them is close to a side colour; neighbours differ in lightness as well as in hue.
ACCENTS: tuple[Colour, ...] = (
    (45, 212, 191),
    (244, 114, 182),
    (250, 214, 65),
    (160, 132, 250),
    (163, 230, 83),
    (232, 92, 104),
    (120, 220, 240),
    (196, 130, 92),
)


def accent(track_id: int) -> Colour:
    """The colour of a person's box, label and ring on the floor; ids count from 1 and the colours repeat."""
    return ACCENTS[(track_id - 1) % len(ACCENTS)]


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """``first`` for a share of 0, ``second`` for 1, linear in between."""
    r, g, b = (round(a + (c - a) * share) for a, c in zip(first, second, strict=True))
    return r, g, b


def readable_on(background: Colour) -> Colour:
    """Near-black or white, whichever has the higher contrast on ``background`` (luma of ITU-R BT.601)."""
    luma = 0.299 * background[0] + 0.587 * background[1] + 0.114 * background[2]
    return (16, 20, 28) if luma > 120 else (255, 255, 255)
