"""What people wear: drawn at random, as often as on a street."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from world.site import Colour

_Name = TypeVar("_Name", bound=str)

Pattern = Literal["plain", "stripes across", "stripes down", "checks", "print", "blocks", "denim", "speckled"]
Hair = Literal["bald", "short", "bob", "long", "tied", "bun"]
Hat = Literal["none", "beanie", "cap", "hood"]
Bag = Literal["none", "backpack", "shoulder bag", "handbag", "suitcase", "shopping bag"]
PATTERNS: tuple[Pattern, ...] = (
    "plain", "stripes across", "stripes down", "checks", "print", "blocks", "denim", "speckled",
)  # fmt: skip

_SKINS = ("f1c7a5", "e8b48f", "d9a077", "c68863", "a86b47", "8a5434", "6b3f27", "4a2b1c")
_SKIN_SHARES = (0.2, 0.22, 0.17, 0.12, 0.1, 0.08, 0.06, 0.05)
_HAIRS = ("17120f", "241a14", "3a281c", "5a3d26", "8a6238", "b8935a", "d8c08c", "8d8d8d", "c4c4c4", "7a3420")
_HAIR_SHARES = (0.25, 0.2, 0.17, 0.12, 0.08, 0.05, 0.04, 0.04, 0.03, 0.02)
_TOPS = (
    "15161a", "23252b", "1d2a44", "2f4a73", "4d6f9e", "7f9cc0", "f0efe9", "c9c8c2", "8c8c8c", "5c5c60", "6b1f23",
    "b0272d", "d96a5a", "e3b7b5", "2f5a3c", "6d8a5a", "8a8452", "c9a227", "e8cf6a", "c97a2b", "7a4a2a", "c7ab86",
    "5a3a6e", "a06fa8", "1f6a70", "64b0ae",
)  # fmt: skip
_TOP_SHARES = (
    14, 9, 9, 4, 4, 3, 11, 6, 7, 5, 3, 4, 2, 3, 3, 2, 3, 1.5, 1, 1.5, 2.5, 4, 1.5, 1, 2, 1,
)  # fmt: skip
_BOTTOMS = (
    "14151a", "25262b", "1c2740", "2c3f63", "46608c", "7f95b3", "4f5053", "85857f", "a2916c", "c3b28d", "6b5a42",
    "4a4b35", "e6e3da", "5a2c2c",
)  # fmt: skip
_BOTTOM_SHARES = (22, 10, 12, 14, 9, 4, 8, 4, 4, 4, 3, 3, 2, 1)
_COMMON_TOPS, _COMMON_BOTTOMS = ("15161a", "23252b", "1d2a44", "5c5c60"), ("14151a", "2c3f63", "1c2740")
_SHOES = ("141414", "2b211b", "5b3d28", "e9e8e4", "8d8c88", "1f2c4d", "7d2226", "b9a27c")
_SHOE_SHARES = (30, 14, 10, 22, 8, 5, 4, 4)
_BAGS = ("17181b", "2a3550", "5b3d28", "7d2226", "8c8c88", "44533a", "c2a36b", "b9402f", "d9d4c8")


@dataclass(frozen=True, slots=True)
class Outfit:
    """All that shows of a person but the shape; colours are linear.

    Attributes:
        sleeve: end of the sleeves, as `BodyModel.arm`.
        leg: end of the trousers, as `BodyModel.leg`.
        hem: lower end of the top, as `BodyModel.leg`.
        thickness: of the top, metres.
        open_front: half width in metres of what shows of the shirt below an open jacket; 0 when closed.
        skirt: end of a skirt, dress or coat tail, as `BodyModel.leg`; 0 without.
        skirt_of_top: whether that is one piece with the top (dress, coat) rather than with the bottom.
    """

    skin: Colour
    hair: Hair
    hair_colour: Colour
    top: Colour
    top_second: Colour
    top_pattern: Pattern
    sleeve: float
    hem: float
    thickness: float
    open_front: float
    shirt: Colour
    bottom: Colour
    bottom_pattern: Pattern
    leg: float
    looseness: float
    skirt: float
    skirt_of_top: bool
    shoes: Colour
    hat: Hat
    hat_colour: Colour
    bag: Bag
    bag_colour: Colour
    scale: float
    seed: float


def draw_outfit(generator: np.random.Generator, *, female: bool, age: float) -> Outfit:
    """One outfit."""
    kind = _one_of(generator, ["t-shirt", "shirt", "jumper", "hoodie", "jacket", "coat"], _kinds(age))
    cut = {
        "t-shirt": (0.38, 0.1, 0.012),
        "shirt": (1.0, 0.12, 0.014),
        "jumper": (1.0, 0.1, 0.022),
        "hoodie": (1.0, 0.12, 0.03),
        "jacket": (1.0, 0.14, 0.034),
        "coat": (1.0, 0.2, 0.036),
    }[kind]
    sleeve = cut[0] if kind != "shirt" or generator.random() < 0.7 else 0.6
    skirt, of_top = _skirt(generator, kind, female=female)
    shorts = not skirt and kind in ("t-shirt", "shirt") and generator.random() < 0.2
    bare = skirt > 0 and kind != "coat" and generator.random() < 0.6
    bottom = _coloured(generator, _BOTTOMS, _BOTTOM_SHARES)
    blue = bottom[2] > 1.25 * bottom[0]
    return Outfit(
        skin=_coloured(generator, _SKINS, _SKIN_SHARES, 0.04),
        hair=_hair(generator, female=female, age=age),
        hair_colour=_hair_colour(generator, age),
        top=_coloured(generator, _TOPS, _TOP_SHARES),
        top_second=_coloured(generator, _TOPS, _TOP_SHARES),
        top_pattern=_pattern(generator, kind),
        sleeve=sleeve,
        hem=cut[1] + 0.05 * generator.random(),
        thickness=cut[2] + 0.01 * generator.random(),
        open_front=0.03 + 0.06 * generator.random()
        if kind in ("jacket", "coat") and generator.random() < 0.4
        else 0,
        shirt=_coloured(generator, _TOPS, _TOP_SHARES),
        bottom=bottom,
        bottom_pattern="denim" if blue and generator.random() < 0.8 else "plain",
        leg=0.0 if bare else (0.42 + 0.12 * generator.random() if shorts else 1.02),
        looseness=float(generator.uniform(0.006, 0.024)),
        skirt=skirt,
        skirt_of_top=of_top,
        shoes=_coloured(generator, _SHOES, _SHOE_SHARES),
        hat=_one_of(generator, ["none", "beanie", "cap", "hood"], [0.84, 0.06, 0.08, 0.02]),
        hat_colour=_coloured(generator, _TOPS, _TOP_SHARES),
        bag=_bag(generator, female=female),
        bag_colour=_coloured(generator, _BAGS, [1] * len(_BAGS)),
        scale=float(generator.uniform(0.7, 1.4)),
        seed=float(generator.random()),
    )


def lookalike_of(outfit: Outfit, generator: np.random.Generator) -> Outfit:
    """The same clothes on somebody else: other skin and hair, and perhaps another bag."""
    other = draw_outfit(generator, female=bool(generator.random() < 0.5), age=30)
    bag = other.bag if generator.random() < 0.6 else outfit.bag
    return replace(outfit, skin=other.skin, hair_colour=other.hair_colour, bag=bag, bag_colour=other.bag_colour)


def in_common_clothes(outfit: Outfit, generator: np.random.Generator) -> Outfit:
    """The person in what half of a crowd wears in winter: plain dark top, jeans or dark trousers."""
    return replace(
        outfit,
        top=_coloured(generator, _COMMON_TOPS, [1] * len(_COMMON_TOPS)),
        top_pattern="plain",
        bottom=_coloured(generator, _COMMON_BOTTOMS, [1] * len(_COMMON_BOTTOMS)),
        leg=1.02,
        skirt=outfit.skirt if outfit.skirt_of_top else 0.0,
    )


def in_uniform(outfit: Outfit) -> Outfit:
    """The person in the uniform of the site: dark trousers, a shirt in the house's colour."""
    return replace(
        outfit,
        top=_linear("1c4f8a"), top_second=_linear("f0efe9"), top_pattern="blocks", sleeve=0.4, hem=0.12,
        open_front=0.0, bottom=_linear("16171c"), bottom_pattern="plain", leg=1.02, skirt=0.0,
        shoes=_linear("141414"), hat="none",
    )  # fmt: skip


def _kinds(age: float) -> list[float]:
    return [0.3, 0.2, 0.16, 0.14, 0.14, 0.06] if age < 45 else [0.16, 0.26, 0.2, 0.04, 0.22, 0.12]


def _skirt(generator: np.random.Generator, kind: str, *, female: bool) -> tuple[float, bool]:
    if kind == "coat":
        return float(generator.uniform(0.35, 0.6)), True
    if not female or generator.random() > 0.25:
        return 0.0, False
    return float(generator.uniform(0.3, 0.75)), bool(generator.random() < 0.5)


def _hair(generator: np.random.Generator, *, female: bool, age: float) -> Hair:
    if female:
        return _one_of(generator, ["short", "bob", "long", "tied", "bun"], [0.1, 0.22, 0.36, 0.2, 0.12])
    bald = 0.04 if age < 40 else 0.15
    return _one_of(generator, ["bald", "short", "bob", "long", "tied"], [bald, 0.94 - bald, 0.03, 0.01, 0.02])


def _hair_colour(generator: np.random.Generator, age: float) -> Colour:
    if age > 52 and generator.random() < 0.7:
        return _linear(str(generator.choice(["8d8d8d", "c4c4c4", "6b6763"])))
    return _coloured(generator, _HAIRS, _HAIR_SHARES, 0.05)


def _pattern(generator: np.random.Generator, kind: str) -> Pattern:
    if kind in ("coat", "jacket"):
        return _one_of(generator, ["plain", "speckled", "checks", "blocks"], [0.72, 0.12, 0.06, 0.1])
    if kind == "hoodie":
        return _one_of(generator, ["plain", "print", "blocks"], [0.6, 0.28, 0.12])
    return _one_of(
        generator,
        ["plain", "stripes across", "stripes down", "checks", "print", "blocks", "speckled"],
        [0.5, 0.12, 0.04, 0.1, 0.14, 0.05, 0.05],
    )


def _bag(generator: np.random.Generator, *, female: bool) -> Bag:
    shares = [0.5, 0.14, 0.14, 0.14, 0.04, 0.04] if female else [0.62, 0.2, 0.09, 0.02, 0.04, 0.03]
    return _one_of(generator, ["none", "backpack", "shoulder bag", "handbag", "suitcase", "shopping bag"], shares)


def _one_of(generator: np.random.Generator, names: Sequence[_Name], shares: Sequence[float]) -> _Name:
    """One of the names, as often as its share says."""
    return names[int(generator.choice(len(names), p=shares))]


def _coloured(
    generator: np.random.Generator, colours: tuple[str, ...], shares: Sequence[float], spread: float = 0.12
) -> Colour:
    """One of the colours, a little lighter or darker and shifted."""
    p = np.asarray(shares, float)
    colour = np.array(_linear(colours[int(generator.choice(len(colours), p=p / p.sum()))]))
    changed = colour * np.exp(generator.normal(0, spread)) * np.exp(generator.normal(0, spread / 3, 3))
    red, green, blue = np.clip(changed, 0.008, 0.85)
    return float(red), float(green), float(blue)


def _linear(code: str) -> Colour:
    """The linear colour of six hexadecimal digits of sRGB."""
    red, green, blue = ((int(code[place : place + 2], 16) / 255) ** 2.2 for place in (0, 2, 4))
    return red, green, blue
