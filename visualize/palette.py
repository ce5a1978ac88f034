"""Colours: the two sides of the body told apart, one accent colour per person. All colours are RGB, 0..255."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ACCENTS", "DARK", "LIGHT", "SIDE_COLOURS", "THEMES", "Colour", "Theme", "accent", "mix", "readable_on"]

Colour = tuple[int, int, int]

#: Orange against blue stays apart in all common kinds of colour blindness; the trunk is a light neutral.
SIDE_COLOURS: dict[str, Colour] = {
    "left": (56, 152, 255),
    "right": (255, 138, 48),
    "centre": (222, 228, 238),
}


@dataclass(frozen=True)
class Theme:
    """What stands behind the people of the 3D scene, so that pictures read on dark and on light pages.

    Attributes:
        background: what faint colours are mixed with.
        glow: behind the people.
        edge: in the corners.
        grid: what the brightest line of the floor differs by from what is behind it, per channel.
        lighter: the grid is lighter than what is behind it, not darker.
        shadow: on the floor.
        rim: around limbs.
        muted: of notes and the clock.
        centre: of the trunk, as ``SIDE_COLOURS`` of the limbs.
    """

    background: Colour
    glow: Colour
    edge: Colour
    grid: Colour
    lighter: bool
    shadow: Colour
    rim: Colour
    muted: Colour
    centre: Colour


#: Slate.
DARK = Theme(
    background=(22, 27, 38), glow=(70, 82, 110), edge=(12, 15, 22), grid=(52, 64, 88), lighter=True,
    shadow=(4, 6, 10), rim=(9, 12, 18), muted=(150, 163, 187), centre=SIDE_COLOURS["centre"],
)  # fmt: skip
#: Paper.
LIGHT = Theme(
    background=(240, 243, 248), glow=(255, 255, 255), edge=(222, 228, 238), grid=(72, 64, 48), lighter=False,
    shadow=(120, 130, 150), rim=(52, 60, 76), muted=(86, 98, 122), centre=(134, 146, 168),
)  # fmt: skip
THEMES: dict[str, Theme] = {"dark": DARK, "light": LIGHT}

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
