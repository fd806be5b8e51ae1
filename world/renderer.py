"""Pictures of the site, drawn by OpenGL without a screen; Mesa's software driver will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from world.camera import Camera, Window
from world.errors import OpenGLError
from world.figure import Figure, skin
from world.outfit import PATTERNS, Outfit
from world.scenery import triangles_of
from world.site import Light, Site
from world.skeleton import FloatArray

Image = NDArray[np.uint8]
_SHADERS = Path(__file__).resolve().parent / "shaders"
_SHADOW_MAP = 2048
NEAR, FAR = 0.3, 150.0
_TRAITS = 14


@dataclass(frozen=True, slots=True, eq=False)
class Posed:
    """One person in the world.

    Attributes:
        person: index into the cast.
        vertices: (V, 3) metres, coarse or fine.
        normals: (V, 3).
        coarse: whether only the coarse vertices are there.
    """

    person: int
    vertices: FloatArray
    normals: FloatArray
    coarse: bool


class Renderer:
    """Draws a cast on a site. Not thread-safe; `close` it."""

    def __init__(self, site: Site, figures: Sequence[Figure], outfits: Sequence[Outfit]) -> None:
        self.context = _context()
        self._site = site
        self._of_cast: list[Any] = []
        self._programs = {
            "scenery": self._program("scenery.vert", "scenery.frag", taps=24),
            "people": self._program("people.vert", "people.frag", taps=2),
            "shadow": self._program("shadow.vert", "shadow.frag"),
            "truth": self._program("shadow.vert", "truth.frag"),
            "cover": self._program("cover.vert", "cover.frag"),
            "shade": self._program("cover.vert", "shade.frag"),
        }
        self._load_scenery()
        self.load_cast(figures, outfits)
        corners = np.array([(-1, -1), (3, -1), (-1, 3)], np.float32)
        self._corners = self.context.buffer(corners.tobytes())
        self._cover = self._array("cover", [(self._corners, "2f", "in_corner")])
        self._shade = self._array("shade", [(self._corners, "2f", "in_corner")])
        self._shadow_map = self.context.depth_texture((_SHADOW_MAP, _SHADOW_MAP))
        self._shadow_map.compare_func = ""
        self._shadow_target = self.context.framebuffer(depth_attachment=self._shadow_map)
        greys = np.random.default_rng(1).integers(0, 256, (256, 256), dtype=np.uint8)
        self._grain = self.context.texture((256, 256), 1, greys.tobytes())
        self._lit_for: Light | None = None

    def close(self) -> None:
        """Give everything back."""
        self.context.release()

    def pose(self, person: int, transforms: FloatArray, *, coarse: bool) -> Posed:
        """A person of the cast with (J, 3, 4) transforms of the joints; it is loaded for drawing."""
        vertices, normals = skin(self._figures[person], transforms, coarse=coarse)
        rows = np.concatenate([vertices, normals], 1, dtype=np.float32)
        self._moving.write(rows.tobytes(), offset=self._first[person] * rows.strides[0])
        return Posed(person, vertices, normals, coarse)

    def set_light(self, light: Light) -> None:
        """Turn on the light of all that is drawn from now on."""
        if light == self._lit_for:
            return
        self._lit_for = light
        matrix = self._light_matrix(light)
        self._shadow_target.use()
        self._shadow_target.clear(depth=1.0)
        self.context.enable_only(moderngl.DEPTH_TEST)
        shadow = self._programs["shadow"]
        _set(shadow, matrix=matrix, flatten_along=np.zeros(3, np.float32))
        self._scenery_depth.render()
        towards = np.asarray(light.towards, np.float32)
        for name in ("scenery", "people"):
            _set(
                self._programs[name],
                towards=towards / np.linalg.norm(towards),
                direct=light.direct,
                sky=light.sky,
                ground=light.ground,
                softness=light.softness,
                shadow_matrix=matrix,
                shadow_depth=7,
                grain=4,
            )
        self._shadow_map.use(7)

    def draw_scenery(self, matrix: FloatArray, gain: Sequence[float]) -> None:
        """Draw floors and solids into what is bound."""
        _set(self._programs["scenery"], matrix=matrix, gain=gain)
        self._grain.use(4)
        self._shadow_map.use(7)
        self._scenery.render()

    def draw_people(
        self, posed: Sequence[Posed], matrix: FloatArray, eye: Sequence[float], gain: Sequence[float]
    ) -> None:
        """Draw people into what is bound."""
        program = self._programs["people"]
        _set(program, matrix=matrix, gain=gain, eye=eye, outfits=6)
        self._grain.use(4)
        self._traits.use(6)
        self._shadow_map.use(7)
        self.context.enable(moderngl.CULL_FACE)
        self.context.front_face = "cw"  # rows of the picture run downwards
        away = np.asarray(eye, np.float32)
        for one in sorted(
            posed, key=lambda one: float(np.abs(one.vertices[0] - away).sum())
        ):  # hidden ones are skipped
            program["person"].value = one.person
            self._render(self._people, one)
        self.context.disable(moderngl.CULL_FACE)

    def draw_flat(
        self, posed: Sequence[Posed], matrix: FloatArray, towards: FloatArray, mark: Sequence[float]
    ) -> None:
        """Draw the shadows of people on the floor into what is bound."""
        _set(self._programs["shadow"], matrix=matrix, flatten_along=towards, mark=mark)
        for one in posed:
            self._render(self._people_flat, one, coarse=True)

    def draw_truth(self, one: Posed, matrix: FloatArray, window: Sequence[float], corner: Sequence[float]) -> None:
        """Draw where a person is (red) and shows (green) into what is bound; depths of the picture in unit 5."""
        _set(
            self._programs["truth"],
            matrix=matrix,
            flatten_along=np.zeros(3, np.float32),
            window=window,
            corner=corner,
            scene_depth=5,
            near=NEAR,
            far=FAR,
        )
        self._render(self._people_truth, one, coarse=True)

    def cover(self, picture: int, depth: int, part: tuple[float, float, float, float] = (0, 0, 1, 1)) -> None:
        """Fill what is bound with a picture and depths in two texture units, or with a part of them.

        Args:
            picture: texture unit.
            depth: texture unit.
            part: left, top, width, height, as shares of the whole.
        """
        _set(self._programs["cover"], picture=picture, depth=depth, part=part)
        self._cover.render()

    def shade(self, shadows: int, strength: tuple[float, float]) -> None:
        """Darken what is bound by the shadows in a texture unit."""
        _set(self._programs["shade"], shadows=shadows, strength=strength)
        self.context.enable_only(moderngl.BLEND)
        self.context.blend_func = moderngl.DST_COLOR, moderngl.ZERO
        self._shade.render()
        self.context.enable_only(moderngl.DEPTH_TEST)

    def _render(self, arrays: tuple[Any, Any], one: Posed, *, coarse: bool = False) -> None:
        coarse = coarse or one.coarse
        faces = self._ranges[one.person][coarse]
        arrays[coarse].render(vertices=3 * faces[1], first=3 * faces[0])

    def _program(self, vertex: str, fragment: str, taps: int = 0) -> Any:
        text = (_SHADERS / fragment).read_text(encoding="utf-8")
        if taps:
            common = (_SHADERS / "common.glsl").read_text(encoding="utf-8")
            text = f"#version 330\n#define SHADOW_TAPS {taps}\n{common}\n{text}"
        return self.context.program(
            vertex_shader=(_SHADERS / vertex).read_text(encoding="utf-8"), fragment_shader=text
        )

    def _array(self, program: str, content: list[Any], faces: Any = None) -> Any:
        return self.context.vertex_array(self._programs[program], content, faces)

    def _load_scenery(self) -> None:
        rows = triangles_of(self._site)
        self._extent = rows[:, :3].min(0), rows[:, :3].max(0)
        buffer = self.context.buffer(rows.tobytes())
        names = ("in_place", "in_normal", "in_surface", "in_paint", "in_seed")
        self._scenery = self._array("scenery", [(buffer, "3f 3f 2f 4f 1f", *names)])
        self._scenery_depth = self._array("shadow", [(buffer, "3f 40x", "in_place")])

    def load_cast(self, figures: Sequence[Figure], outfits: Sequence[Outfit]) -> None:
        """Take these people in place of those before."""
        for thing in self._of_cast:
            thing.release()
        self._figures = figures
        counts = [len(figure.vertices) for figure in figures]
        self._first = np.concatenate([[0], np.cumsum(counts)])[:-1].astype(int).tolist()
        self._moving = self.context.buffer(reserve=max(24 * sum(counts), 24))
        still = [np.concatenate([figure.vertices, figure.coordinates], 1) for figure in figures]
        resting = self.context.buffer(np.concatenate(still).astype(np.float32).tobytes())
        kinds = {}
        self._ranges: list[tuple[tuple[int, int], tuple[int, int]]] = []
        starts = [0, 0]
        for figure in figures:
            lengths = len(figure.faces), len(figure.coarse_faces)
            self._ranges.append(((starts[0], lengths[0]), (starts[1], lengths[1])))
            starts = [starts[0] + lengths[0], starts[1] + lengths[1]]
        for kind in ("faces", "coarse_faces"):
            faces = [getattr(figure, kind) + first for figure, first in zip(figures, self._first, strict=True)]
            kinds[kind] = self.context.buffer(np.concatenate(faces).astype(np.int32).tobytes())
        moving = (self._moving, "3f 3f", "in_place", "in_normal")
        place = (self._moving, "3f 12x", "in_place")
        still_content = (resting, "3f 4f", "in_rest", "in_where")

        def both(program: str, content: list[Any]) -> tuple[Any, Any]:
            return self._array(program, content, kinds["faces"]), self._array(
                program, content, kinds["coarse_faces"]
            )

        self._people = both("people", [moving, still_content])
        self._people_flat = both("shadow", [place])
        self._people_truth = both("truth", [place])
        table = np.stack([_traits(outfit, figure) for outfit, figure in zip(outfits, figures, strict=True)])
        self._traits = self.context.texture((_TRAITS, len(figures)), 4, table.tobytes(), dtype="f4")
        arrays = (*self._people, *self._people_flat, *self._people_truth)
        self._of_cast = [*arrays, self._moving, resting, *kinds.values(), self._traits]
        self._traits.filter = moderngl.NEAREST, moderngl.NEAREST

    def _light_matrix(self, light: Light) -> FloatArray:
        """From the world to the square that the light sees of the whole site."""
        towards = np.asarray(light.towards, float)
        towards = towards / np.linalg.norm(towards)
        side = np.cross(towards, (0.0, 1.0, 0.01))
        side /= np.linalg.norm(side)
        axes = np.stack([side, np.cross(towards, side), -towards])
        low, high = self._extent
        corners = np.array(
            [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (0, min(high[2], 12))]
        )
        seen = corners @ axes.T
        smallest, largest = seen.min(0) - 0.5, seen.max(0) + 0.5
        scale = 2 / (largest - smallest)
        matrix = np.eye(4)
        matrix[:3, :3] = axes * scale[:, None]
        matrix[:3, 3] = -(largest + smallest) / 2 * scale
        return matrix.astype(np.float32)


def _context() -> Any:
    settings: Any = {"backend": "egl"}
    try:
        return moderngl.create_context(standalone=True, **settings)
    except Exception as error:  # glcontext raises nothing narrower
        raise OpenGLError(
            f"OpenGL cannot be used without a screen here ({error}); install Mesa's software driver: "
            "apt-get install libegl1 libgl1-mesa-dri"
        ) from None


def view_matrix(camera: Camera, window: Window) -> FloatArray:
    """From the world to the part of an undistorted picture; row 0 of what is drawn is the top row."""
    focal = camera.focal
    middle = np.asarray(camera.size) / 2
    axes = camera.axes()
    projection = np.array(
        [
            [2 * focal / window.width, 0, 2 * (middle[0] - window.left) / window.width - 1, 0],
            [0, 2 * focal / window.height, 2 * (middle[1] - window.top) / window.height - 1, 0],
            [0, 0, (FAR + NEAR) / (FAR - NEAR), -2 * FAR * NEAR / (FAR - NEAR)],
            [0, 0, 1, 0],
        ]
    )
    view = np.eye(4)
    view[:3, :3] = axes
    view[:3, 3] = -axes @ np.asarray(camera.place)
    return (projection @ view).astype(np.float32)


def _set(program: Any, **values: Any) -> None:
    """Set uniforms; those that the driver found unused are skipped."""
    for name, value in values.items():
        if name not in program:
            continue
        uniform = program[name]
        if isinstance(value, np.ndarray) and value.ndim == 2:
            uniform.write(np.ascontiguousarray(value.T, np.float32).tobytes())
        else:
            uniform.value = tuple(float(v) for v in value) if np.ndim(value) else value


def _traits(outfit: Outfit, figure: Figure) -> FloatArray:
    """(_TRAITS, 4): what people.frag reads."""
    hats = ("none", "beanie", "cap", "hood")
    straps = {"backpack": 1.0, "shoulder bag": 2.0}
    tube = outfit.top if outfit.skirt_of_top else outfit.bottom
    rows = [
        (*outfit.skin, 0.0),
        (*outfit.hair_colour, 0.0 if outfit.hair == "bald" else 1.0),
        (*outfit.top, outfit.sleeve),
        (*outfit.top_second, PATTERNS.index(outfit.top_pattern)),
        (*outfit.bottom, outfit.leg),
        (0.0, 0.0, 0.0, PATTERNS.index(outfit.bottom_pattern)),
        (*outfit.shoes, 0.0),
        (*outfit.shirt, outfit.open_front),
        (0.03, -0.97, outfit.scale, 0.0),
        (*outfit.hat_colour, hats.index(outfit.hat)),
        (*outfit.bag_colour, straps.get(outfit.bag, 0.0)),
        (*tube, 1.0 if outfit.seed < 0.5 else -1.0),
        tuple(figure.head),
        (1.0 if outfit.skirt_of_top else 0.0, outfit.seed, 0.0, 0.0),
    ]
    return np.array(rows, np.float32)
