"""From a request to the crop that the diffusion model sees, and from the painted crop back into the image.

Lengths are in px of the image unless said otherwise; whole numbers are pixel centres. `training/palm_tiny/palms.py`
cuts its training crops the same way, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import HandAnalysis
from ...analyzers.palm_region import palm_polygon
from ...datasets.types import Image
from ..base import Request
from ..regions import POINTS, MaskPoints, RegionError, palm_width, request_region
from .paint_by_example import Canvas
from .seam import add_grain, feather, match_surround
from .skin_texture import fill_texture, skin_layer
from .tone import border_step, carry_tone, foreign_pixels, to_lab, to_rgb

Crop = Literal["hand", "palm"]
Paste = Literal["hand", "palm"]
Floats = NDArray[np.float64]

SCALES = {"s": 0.1, "m": 0.5, "f": 1.0}
"""Sides of the exemplar squares sROI, mROI and fROI as shares of the fROI's (section III-B2 of the paper)."""
PALM_CROP = 1.5
"""Side of the palm crop in sides of the square around the palm polygon."""
CANONICAL = np.array([198.0, 160.0, 142.0], np.float32)
"""Mean RGB that colour normalisation gives to the hand pixels that stay."""
_DARKEST = 8.0
"""Grey levels; a mean below counts as this, so that black images are not blown up."""
_ENOUGH = 64
"""Pixels that a mean colour should rest on."""
_WORKED = 640.0
"""px of palm width; tone and texture of larger hands are made at this size, and finer grain is added."""
_REDDER = 0.12
"""Change of a* for one of L* in the detail of skin."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Which pixels are cropped, painted and pasted."""

    crop: Crop
    paste: Paste
    mask_points: MaskPoints
    mask_margin: float
    colour: bool
    seam: bool
    grain: bool
    tone: float
    """Palm widths: what is coarser comes from the original; 0: nothing does."""
    texture: bool


@dataclass(frozen=True, slots=True)
class Square:
    """An upright square of the image."""

    x: float
    y: float
    """Its centre."""
    side: float

    def to_crop(self, size: int, origin: tuple[int, int] = (0, 0)) -> Floats:
        """(2, 3) map of points, counted from `origin` (x, y), to a crop of `size` px."""
        scale, middle = size / self.side, (size - 1) / 2
        shift = [middle - scale * (self.x - origin[0]), middle - scale * (self.y - origin[1])]
        return np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])

    def box(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Rows and columns whose centres lie in it."""
        half = self.side / 2
        rows = slice(max(0, int(np.ceil(self.y - half))), min(shape[0], int(np.floor(self.y + half)) + 1))
        columns = slice(max(0, int(np.ceil(self.x - half))), min(shape[1], int(np.floor(self.x + half)) + 1))
        return rows, columns


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A request, ready for the model."""

    request: Request
    square: Square
    region: NDArray[np.bool_]
    """(H, W), what may change."""
    hole: NDArray[np.bool_]
    """(S, S), what is painted."""
    hand: NDArray[np.bool_]
    """(S, S)."""
    crop: Image
    """(S, S, 3) in the image's colours."""
    gain: NDArray[np.float32]
    """(3,) factors that normalise the colour."""
    exemplars: NDArray[np.uint8]
    """(n, E, E, 3) in normalised colours."""

    def canvas(self, start_seed: int | None) -> Canvas:
        """What the model gets; `start_seed` None takes the request's."""
        seed = self.request.seed
        image = scaled(self.crop, self.gain)
        return Canvas(image, self.hole, self.exemplars, seed, seed if start_seed is None else start_seed)


def crop_square(analysis: HandAnalysis, shape: tuple[int, ...], crop: Crop) -> Square:
    """The square that is cropped, moved inside the image.

    Args:
        crop: `palm`: 1.5 times the square around the seven-point palm polygon; `hand`: that around the hand's box.

    Raises:
        RegionError: the hand has no extent.
    """
    if crop == "palm":
        low, high = _extent(analysis, "7")
        return _inside((low + high) / 2, float((high - low).max()) * PALM_CROP, shape)
    low, high = analysis.box[:2].astype(np.float64), analysis.box[2:].astype(np.float64)
    return _inside((low + high) / 2, float((high - low).max()), shape)


def _extent(analysis: HandAnalysis, points: MaskPoints) -> tuple[Floats, Floats]:
    polygon = palm_polygon(analysis.keypoints_2d, POINTS[points]).astype(np.float64)
    return polygon.min(axis=0), polygon.max(axis=0)


def _inside(centre: Floats, side: float, shape: tuple[int, ...]) -> Square:
    side = float(min(side, shape[0], shape[1]))
    if not (np.isfinite(side) and side >= 1 and np.isfinite(centre).all()):
        raise RegionError("the hand is less than 1 px wide")
    low, high = side / 2, np.array([shape[1], shape[0]]) - side / 2
    x, y = np.clip(centre, low, high)
    return Square(float(x), float(y), side)


def repainted(request: Request, geometry: Geometry) -> NDArray[np.bool_]:
    """(H, W) pixels that may change: inside the crop, and in the palm region or in the closed hand mask.

    Raises:
        RegionError: the analysis gives no region.
    """
    shape = request.image.shape
    hole = _hole(request, geometry)
    square = crop_square(request.hand, shape, geometry.crop)
    whole = hole if geometry.paste == "palm" else _closed(request.hand.mask)
    region = np.zeros_like(hole)
    box = square.box(shape)
    region[box] = whole[box]
    if not (region & hole).any():
        raise RegionError("the region to change holds no pixel of the crop")
    return region


def _hole(request: Request, geometry: Geometry) -> NDArray[np.bool_]:
    return request_region(request, "palm", geometry.mask_points, geometry.mask_margin)


def _closed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The hand mask without small gaps, as the paper's authors close it (two rounds of 5 x 5)."""
    import cv2

    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8), iterations=2)
    return np.asarray(closed > 0, dtype=np.bool_)


def prepare(request: Request, geometry: Geometry, exemplars: Sequence[str], size: int, exemplar_size: int) -> Prepared:
    """Crop, mask, colour and exemplars of one request.

    Args:
        exemplars: keys of `SCALES`.
        size: side of the crop, px.
        exemplar_size: side of the exemplars, px.

    Raises:
        RegionError: the analysis gives no region.
    """
    image, analysis = request.image, request.hand
    region = repainted(request, geometry)
    square = crop_square(analysis, image.shape, geometry.crop)
    crop = cut(image, square, size)
    hand = cut_mask(analysis.mask, square, size)
    hole = cut_mask(_hole(request, geometry), square, size)
    gain = _gain(crop, hand, hole) if geometry.colour else np.ones(3, np.float32)
    low, high = _extent(analysis, geometry.mask_points)
    full = _inside((low + high) / 2, float((high - low).max()), image.shape)
    squares = [Square(full.x, full.y, max(2.0, full.side * SCALES[each])) for each in exemplars]
    # The small model learns exemplars cut from its own crops, the large one from the image in full resolution.
    source = image
    if geometry.crop == "palm":
        source, scale, shift = crop, size / square.side, square.to_crop(size)[:, 2]
        squares = [Square(s.x * scale + shift[0], s.y * scale + shift[1], s.side * scale) for s in squares]
    patches = np.stack([scaled(cut(source, each, exemplar_size), gain) for each in squares])
    return Prepared(request, square, region, hole, hand, crop, gain, patches)


def cut(image: Image, square: Square, size: int) -> Image:
    """A square of the image at `size` px, bicubic, with a blur against aliasing."""
    import cv2

    blur = _blur(square.side / size)
    window, origin = _window(image, square, int(np.ceil(4 * blur)) + 3)
    if blur > 0:
        window = cv2.GaussianBlur(window, (0, 0), blur)
    to_crop, border = square.to_crop(size, origin), cv2.BORDER_REFLECT_101
    out = cv2.warpAffine(window, to_crop, (size, size), flags=cv2.INTER_CUBIC, borderMode=border)
    return np.asarray(out, dtype=np.uint8)


def cut_mask(mask: NDArray[np.bool_], square: Square, size: int) -> NDArray[np.bool_]:
    """A square of the mask at `size` px; outside the image there is nothing."""
    import cv2

    window, origin = _window(mask, square, 3)
    out = cv2.warpAffine(window.astype(np.float32), square.to_crop(size, origin), (size, size), flags=cv2.INTER_LINEAR)
    return np.asarray(out > 0.5, dtype=np.bool_)


def _window(pixels: NDArray[Any], square: Square, reach: int) -> tuple[NDArray[Any], tuple[int, int]]:
    """The part of the pixels that a square needs, and where it starts (x, y)."""
    rows, columns = Square(square.x, square.y, square.side + 2 * reach).box(pixels.shape)
    return np.ascontiguousarray(pixels[rows, columns]), (columns.start, rows.start)


def _blur(shrink: float) -> float:
    """Sigma in px before shrinking by a factor; 0 where it is too little to alias."""
    return 0.45 * (shrink - 0.6) if shrink > 1.25 else 0.0


def _gain(crop: Image, hand: NDArray[np.bool_], hole: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Factors that bring the hand pixels outside the hole to the canonical colour."""
    known = hand & ~hole
    if known.sum() < _ENOUGH:  # then the whole hand's mean: three numbers that tell of skin and light, not of lines
        known = hand if hand.sum() >= _ENOUGH else np.ones_like(hand)
    mean = crop[known].astype(np.float32).mean(axis=0)
    return np.asarray(CANONICAL / np.maximum(mean, np.float32(_DARKEST)), dtype=np.float32)


def scaled(crop: Image, gain: NDArray[np.float32]) -> Image:
    """The crop with each channel times its gain."""
    return np.asarray(np.clip(crop.astype(np.float32) * gain + 0.5, 0, 255), dtype=np.uint8)


def paste_back(
    prepared: Prepared, painted: NDArray[np.float32], geometry: Geometry, charts: NDArray[np.uint8] | None = None
) -> Image:
    """The image with the painted crop (S, S, 3), 0..255, in its region; every other pixel as it was.

    Args:
        charts: of skin, see `skin_texture.read_charts`; needed where the geometry has texture.
    """
    import cv2

    image, square, region = prepared.request.image, prepared.square, prepared.region
    size, palm = painted.shape[0], palm_width(prepared.request.hand)
    painted = np.asarray(painted / prepared.gain, dtype=np.float32)
    grey = bool((prepared.crop == prepared.crop[..., :1]).all())
    if grey:
        painted = _grey(painted)
    if geometry.seam:
        unit = palm * size / square.side
        painted = match_surround(painted, prepared.crop, prepared.hole, prepared.hand, unit)
    blur = _blur(size / square.side)
    if blur > 0:
        painted = np.asarray(cv2.GaussianBlur(painted, (0, 0), blur), dtype=np.float32)
    box = _grown_box(region, 0.25 * palm, square.box(image.shape))
    rows, columns = box
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    target = (columns.stop - columns.start, rows.stop - rows.start)
    to_crop = square.to_crop(size, (columns.start, rows.start))
    warped = cv2.warpAffine(painted, to_crop, target, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    laid = np.asarray(warped, dtype=np.float32)
    before, inside = np.asarray(image[box], dtype=np.float32), region[box]
    hole, skin = _hole(prepared.request, geometry)[box], prepared.request.hand.mask[box]
    scale = max(1.0, square.side / size)
    if geometry.tone > 0 or geometry.texture:
        laid = photographed(prepared.request, laid, before, hole, (columns.start, rows.start), geometry, charts)
        laid = _grey(laid) if grey else laid
        scale = palm / _WORKED
    if geometry.grain and (scale > 1 or not geometry.texture):
        laid = add_grain(laid, before, hole, skin, max(1.0, scale), prepared.request.seed)
    share = feather(inside, 0.02 * palm) if geometry.seam else inside.astype(np.float32)
    mixed = before + (laid - before) * share[..., None]
    result = image.copy()
    result[box][inside] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)[inside]
    return result


def photographed(
    request: Request,
    laid: NDArray[np.float32],
    before: NDArray[np.float32],
    hole: NDArray[np.bool_],
    origin: tuple[int, int],
    geometry: Geometry,
    charts: NDArray[np.uint8] | None,
) -> NDArray[np.float32]:
    """The painted palm with the photograph's tone and texture; large pictures are worked on at a smaller size.

    Args:
        laid: (h, w, 3) RGB, the painted picture at the image's resolution.
        before: (h, w, 3) RGB, the original.
        hole: (h, w), what was painted.
        origin: (x, y) of the two in the image.
    """
    import cv2

    height, width = hole.shape
    whole, palm = (width, height), palm_width(request.hand)
    shrink = min(1.0, _WORKED / palm)
    hand = request.hand.mask[origin[1] : origin[1] + height, origin[0] : origin[0] + width]
    if shrink < 1:
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        laid, before = (
            np.asarray(cv2.resize(each, size, interpolation=cv2.INTER_AREA), np.float32) for each in (laid, before)
        )
        hole, hand = (cv2.resize(each.astype(np.float32), size) > 0.5 for each in (hole, hand))
        palm *= shrink
    painted, original = to_lab(laid), to_lab(before)
    if not hole.any():
        return laid
    foreign = foreign_pixels(original, hole, palm)
    palm_hole, hole = hole, hole & (foreign < 0.5)
    if not hole.any():
        foreign, hole = np.zeros_like(foreign), palm_hole
    if geometry.tone > 0:
        painted = carry_tone(painted, original, hole, max(0.5, geometry.tone * palm))
    # What lacks at the border is seen before texture strengthens whatever the painting has outside the hole.
    border = border_step(painted, original, hole, hand, palm) if geometry.seam else np.zeros_like(painted)
    if geometry.texture:
        assert charts is not None
        points = (request.hand.keypoints_2d - np.array(origin, np.float32)) * np.float32(shrink)
        middle, fingers = points[[0, 5, 17]].mean(axis=0), points[[5, 17]].mean(axis=0) - points[0]
        up = float(np.arctan2(fingers[0], -fingers[1]))
        seed = request.seed
        layer = skin_layer(charts, hole.shape, (float(middle[0]), float(middle[1])), up, palm, seed)
        noise = None
        if geometry.grain:
            noise = np.random.default_rng([seed, 1]).standard_normal(hole.shape, dtype=np.float32)
        light = fill_texture(painted[..., 0], original[..., 0], hole, palm, layer, noise)
        # What is darker is redder in skin; the painted lines have their colour already.
        painted[..., 1] -= np.float32(_REDDER) * (light - painted[..., 0])
        painted[..., 0] = light
    painted += border
    painted += (original - painted) * foreign[..., None]
    made = to_rgb(painted)
    return np.asarray(cv2.resize(made, whole, interpolation=cv2.INTER_CUBIC) if shrink < 1 else made, dtype=np.float32)


def _grey(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2), dtype=np.float32)


def _grown_box(region: NDArray[np.bool_], reach: float, limit: tuple[slice, slice]) -> tuple[slice, slice]:
    """The region's bounding box, grown by `reach` px inside `limit`."""
    grow = int(np.ceil(reach))
    found = []
    for axis, bound in enumerate(limit):
        used = np.flatnonzero(region.any(axis=1 - axis))
        found.append(slice(max(bound.start, int(used[0]) - grow), min(bound.stop, int(used[-1]) + 1 + grow)))
    return found[0], found[1]
