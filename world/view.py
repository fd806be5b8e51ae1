"""One camera at work: its still background, the people before it, its lens and its sensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import moderngl
import numpy as np
from numpy.typing import NDArray

from world.camera import Camera, Window
from world.lens import FloatMap, bent, overscan, remapping
from world.renderer import FAR, NEAR, Posed, Renderer, view_matrix
from world.site import Light

Image = NDArray[np.uint8]
Array = NDArray[np.float64]
Box = tuple[float, float, float, float]
SUPER = 1.5  # pixels drawn for each pixel of the picture, across and down; Mesa is slow at multisampling
_TILE = (64, 128)  # pixels of the truth about one person
_ACROSS, _DOWN = 16, 2  # tiles
_NOTHING = (0.0, 0.0, 0.0, 0.0)
_SKY = 1.6  # light of the sky itself, as a factor on that which it gives


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What is true of one person in one picture; pixels of the final picture.

    Attributes:
        person: index into the cast.
        box: left, top, right, bottom of the whole body, also beyond the picture's edge and behind others.
        visible_box: of what shows; zeros if nothing does.
        visibility: share of the body that shows, 0 to 1.
        depth: metres to the middle of the body.
    """

    person: int
    box: Box
    visible_box: Box
    visibility: float
    depth: float


class View:
    """Draws the pictures of one camera."""

    def __init__(self, renderer: Renderer, camera: Camera) -> None:
        self.camera = camera
        self._renderer = renderer
        self._context: Any = renderer.context
        self.window = overscan(camera)
        self.size = int(self.window.width), int(self.window.height)
        self._drawn = int(SUPER * self.size[0]), int(SUPER * self.size[1])
        self._matrix = view_matrix(camera, self.window)
        self._maps = remapping(camera, self.window)
        look = camera.look
        self.gain = tuple(look.exposure * (1 + 0.16 * look.warmth * tint) for tint in (1.0, 0.0, -1.0))
        context = self._context
        self._depth = context.depth_texture(self._drawn)
        self._depth.compare_func = ""
        self._target = context.framebuffer(context.renderbuffer(self._drawn, 3), self._depth)
        self._still = context.framebuffer(
            context.renderbuffer(self._drawn, 3), context.depth_renderbuffer(self._drawn)
        )
        self._half = self.size[0] // 2, self.size[1] // 2
        self._shadows = context.framebuffer(context.renderbuffer(self._half, 2), context.depth_texture(self._half))
        self._shadow_picture = context.texture(self._half, 2)
        self.picture = context.texture(self._drawn, 3)  # of the background
        self.depths = context.texture(self._drawn, 1, dtype="f4")
        self.depths.filter = moderngl.NEAREST, moderngl.NEAREST
        self._tiles: Any = None
        self._light: Light | None = None
        self._vignette = _vignette(camera)
        self._noise: NDArray[np.int16] | None = None

    def prepare(self, light: Light) -> None:
        """Draw the background if the light has changed."""
        self._renderer.set_light(light)
        if light != self._light:
            self._light = light
            self._draw_still(light)

    def draw(self, posed: Sequence[Posed], light: Light) -> Image:
        """The picture (H, W, 3) uint8 RGB before the sensor, undistorted and with the overscan."""
        self.prepare(light)
        shaded = self._draw_shadows(posed, light) if posed else None
        self._context.copy_framebuffer(self._target, self._still)
        self._target.use()
        self._context.enable_only(moderngl.DEPTH_TEST)
        if shaded is not None:
            self._shadow_picture.use(0)
            self._target.scissor = shaded
            direct, around = float(np.mean(light.direct)), float(np.mean(light.sky))
            self._renderer.shade(0, (0.85 * direct / (direct + around), 0.55))
            self._target.scissor = None
            self._renderer.draw_people(posed, self._matrix, self.camera.place, self.gain)
        picture = np.frombuffer(self._target.read(components=3, alignment=1), np.uint8)
        drawn = picture.reshape(self._drawn[1], self._drawn[0], 3)
        return np.asarray(cv2.resize(drawn, self.size, interpolation=cv2.INTER_AREA), np.uint8)

    def photograph(self, posed: Sequence[Posed], light: Light, generator: np.random.Generator) -> Image:
        """The frame (H, W, 3) uint8 BGR as the sensor gives it."""
        picture = self.draw(posed, light)
        if self._maps is not None:
            picture = np.asarray(cv2.remap(picture, *self._maps, cv2.INTER_LINEAR), np.uint8)
        return self.developed(picture, (0, 0), generator)

    def developed(self, picture: Image, corner: tuple[int, int], generator: np.random.Generator) -> Image:
        """What lens and sensor make of an RGB picture (H, W, 3), or of a part that lies at a corner: BGR."""
        look = self.camera.look
        if look.blur > 0:
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), look.blur), np.uint8)
        frame = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        if look.saturation != 1 or look.contrast != 1:
            grey = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
            veil = 128 * (1 - look.contrast) * 0.8
            frame = cv2.addWeighted(
                frame, look.saturation * look.contrast, grey, (1 - look.saturation) * look.contrast, veil
            )
        if look.vignette > 0:
            left, top = corner
            part = self._vignette[top : top + frame.shape[0], left : left + frame.shape[1]]
            frame = cv2.multiply(frame, part, scale=1 / 255)
        return self._with_noise(np.asarray(frame, np.uint8), generator)

    def truth(self, posed: Sequence[Posed]) -> list[Seen]:
        """About everybody of the last `draw` who is at least partly in the picture."""
        width, height = self.camera.size
        found = []
        inside = []
        for one in posed:
            pixels, depths = self.camera.project(one.vertices.astype(np.float64))
            if depths.min() < 0.35:
                continue
            (left, top), (right, bottom) = pixels.min(0).tolist(), pixels.max(0).tolist()
            if right > 0 and bottom > 0 and left < width and top < height:
                inside.append((one, (left, top, right, bottom), float(np.median(depths))))
        tiles = self._truth_tiles([one for one, _, _ in inside])
        for (one, box, depth), (share, visible) in zip(inside, tiles, strict=True):
            found.append(Seen(one.person, box, visible, share, depth))
        return found

    def _draw_still(self, light: Light) -> None:
        """The background: drawn once for each light."""
        context, size = self._context, self._drawn
        picture = context.renderbuffer(size, 3)
        depth = context.depth_texture(size)
        large = context.framebuffer(picture, depth)
        large.use()
        context.enable_only(moderngl.DEPTH_TEST)
        sky = np.asarray(light.sky) * _SKY * self.gain
        large.clear(*_film(sky), depth=1.0)
        self._renderer.draw_scenery(self._matrix, self.gain)
        colours = np.frombuffer(large.read(components=3, alignment=1), np.uint8).reshape(size[1], size[0], 3)
        depths = np.frombuffer(large.read(attachment=-1, components=1, dtype="f4"), np.float32).reshape(size[::-1])
        shaded = _with_corners(colours, depths)
        self.picture.write(shaded.tobytes(), alignment=1)
        self.depths.write(depths.tobytes())
        self.picture.use(0)
        self.depths.use(1)
        for target in (self._still, self._shadows):
            target.use()
            target.clear(depth=1.0)
            context.enable_only(moderngl.DEPTH_TEST)
            context.depth_func = "1"
            self._renderer.cover(0, 1)
            context.depth_func = "<"
        for thing in (large, picture, depth):
            thing.release()

    def _draw_shadows(self, posed: Sequence[Posed], light: Light) -> tuple[int, int, int, int]:
        """Shadows on the floor: of the light, and right below of the sky; the part of the picture that has any."""
        context = self._context
        self._shadows.use()
        self._shadows.depth_mask = False  # the depths are those of the background
        self._shadows.clear()
        context.enable_only(moderngl.DEPTH_TEST | moderngl.BLEND)
        context.blend_equation = moderngl.MAX
        context.blend_func = moderngl.ONE, moderngl.ONE
        towards = np.asarray(light.towards, np.float32)
        lowered = self._matrix.copy()
        lowered[2] -= 0.0004 * lowered[3]
        self._renderer.draw_flat(posed, lowered, towards / np.linalg.norm(towards), (1, 0, 0, 1))
        self._renderer.draw_flat(posed, lowered, np.array([0, 0, 1], np.float32), (0, 1, 0, 1))
        context.blend_equation = moderngl.FUNC_ADD
        self._shadows.depth_mask = True
        raw = np.frombuffer(self._shadows.read(components=2, alignment=1), np.uint8)
        raw = raw.reshape(self._half[1], self._half[0], 2)
        sharp = 0.6 + 5.0 * light.softness * self.size[0] / 640
        soft = np.dstack(
            [cv2.GaussianBlur(raw[..., 0], (0, 0), sharp), cv2.GaussianBlur(raw[..., 1], (0, 0), 3.0)]
        )
        self._shadow_picture.write(soft.tobytes(), alignment=1)
        rows, columns = np.flatnonzero(soft.any((1, 2))), np.flatnonzero(soft.any((0, 2)))
        if not len(rows):
            return (0, 0, 1, 1)
        factor = self._drawn[0] / self._half[0]
        return tuple(  # type: ignore[return-value]
            int(factor * value) for value in (columns[0], rows[0], np.ptp(columns) + 2, np.ptp(rows) + 2)
        )

    def _truth_tiles(self, people: Sequence[Posed]) -> list[tuple[float, Box]]:
        """Share that shows and visible box of each, who is drawn alone and compared with the picture's depths."""
        found: list[tuple[float, Box]] = []
        for start in range(0, len(people), _ACROSS * _DOWN):
            found += self._truth_page(people[start : start + _ACROSS * _DOWN])
        return found

    def _truth_page(self, people: Sequence[Posed]) -> list[tuple[float, Box]]:
        context = self._context
        if self._tiles is None:
            self._tiles = context.framebuffer(context.renderbuffer((_ACROSS * _TILE[0], _DOWN * _TILE[1]), 2))
        self._tiles.use()
        self._tiles.clear()
        self._depth.use(5)
        context.enable_only(moderngl.BLEND)
        context.blend_equation = moderngl.MAX
        context.blend_func = moderngl.ONE, moderngl.ONE
        windows = []
        straight = replace(self.camera, distortion=0.0)
        for number, one in enumerate(people):
            pixels, _ = straight.project(one.vertices.astype(np.float64))
            low, high = pixels.min(0) - 1, pixels.max(0) + 1
            window = Window(float(low[0]), float(low[1]), *(float(side) for side in high - low))
            corner = number % _ACROSS * _TILE[0], number // _ACROSS * _TILE[1]
            self._tiles.viewport = (*corner, *_TILE)
            scale = SUPER * window.width / _TILE[0], SUPER * window.height / _TILE[1]
            place = SUPER * (window.left - self.window.left), SUPER * (window.top - self.window.top)
            self._renderer.draw_truth(one, view_matrix(self.camera, window), (*place, *scale), corner)
            windows.append(window)
        self._tiles.viewport = (0, 0, _ACROSS * _TILE[0], _DOWN * _TILE[1])
        context.blend_equation = moderngl.FUNC_ADD
        page = np.frombuffer(self._tiles.read(components=2, alignment=1), np.uint8)
        tiles = (
            page.reshape(_DOWN, _TILE[1], _ACROSS, _TILE[0], 2)
            .transpose(0, 2, 1, 3, 4)
            .reshape(-1, *_TILE[::-1], 2)
        )
        return [self._shown(tile > 0, window) for tile, window in zip(tiles, windows, strict=False)]

    def _shown(self, tile: NDArray[np.bool_], window: Window) -> tuple[float, Box]:
        whole, shown = int(tile[..., 0].sum()), tile[..., 1]
        if whole == 0 or not shown.any():
            return 0.0, _NOTHING
        rows, columns = np.nonzero(shown)
        pixel = np.array([window.width / _TILE[0], window.height / _TILE[1]])
        low = (window.left, window.top) + np.stack([columns, rows], -1) * pixel
        size = np.asarray(self.camera.size)
        if self.camera.distortion:  # the overscan holds more than the picture
            middles = bent(self.camera, low + pixel / 2)
            inside = ((middles >= 0) & (middles < size)).all(1)
            low, high = bent(self.camera, low[inside]), bent(self.camera, low[inside] + pixel)
        else:
            high = low + pixel
        if not len(low):
            return 0.0, _NOTHING
        left, top = np.clip(low.min(0), 0, size).tolist()
        right, bottom = np.clip(high.max(0), 0, size).tolist()
        return len(low) / whole, (left, top, right, bottom)

    def _with_noise(self, frame: Image, generator: np.random.Generator) -> Image:
        if self.camera.look.noise <= 0:
            return frame
        height, width = frame.shape[:2]
        if self._noise is None:
            own = np.random.default_rng(len(self.camera.name))
            field = own.normal(0, self.camera.look.noise, (self.camera.size[1] + 96, self.camera.size[0] + 96, 3))
            grain = cv2.GaussianBlur(field.astype(np.float32), (0, 0), 0.7) * 1.6
            self._noise = np.rint(grain).astype(np.int16)
        top, left = generator.integers(0, 96, 2)
        noise = self._noise[top : top + height, left : left + width]
        return np.asarray(cv2.add(frame, noise, dtype=cv2.CV_8U), np.uint8)


def _film(light: Array) -> Array:
    """As in common.glsl."""
    colour = np.clip(light * (1 + light * 0.15) / (1 + light * 0.45), 0, 1) ** (1 / 2.2)
    return np.asarray(0.45 * colour + 0.55 * colour * colour * (3 - 2 * colour))


def _vignette(camera: Camera) -> Image:
    """(H, W, 3) factors times 255."""
    width, height = camera.size
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-height / width, height / width, height))
    light = 1 - camera.look.vignette * np.clip((x**2 + y**2) / (1 + (height / width) ** 2), 0, 1)
    return np.repeat(np.rint(255 * light).astype(np.uint8)[..., None], 3, 2)


def _with_corners(picture: Image, depths: FloatMap) -> Image:
    """The picture darker where something nearer surrounds it (after Luft et al., 2006)."""
    metres = np.where(depths < 1, 2 * NEAR * FAR / (FAR + NEAR - (2 * depths - 1) * (FAR - NEAR)), 40.0)
    inverse = (1 / metres).astype(np.float32)
    hidden = np.zeros_like(inverse)
    for sigma in (4 * SUPER, 14 * SUPER):
        around = cv2.GaussianBlur(inverse, (0, 0), sigma)
        hidden += np.clip((around - inverse) * metres * 1.6, 0, 0.25)
    return np.asarray(np.clip(picture * (1 - hidden)[..., None], 0, 255), np.uint8)
