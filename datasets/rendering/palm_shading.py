"""From geometry and skin to linear light: surface relief, pigments, lighting."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .hand_mesh import Float32
from .palm_creases import CreaseMaps
from .palm_identity import SkinTone
from .palm_texture import CHART_ORIGIN, CHART_SCALE, skin_flush, skin_pool, skin_relief

# Absorbance per unit of pigment, and reflectance below the pigments; all RGB.
MELANIN = np.array([0.46, 0.76, 1.21], np.float32)
HAEMOGLOBIN = np.array([0.08, 0.52, 0.40], np.float32)
YELLOW = np.array([0.0, 0.1, 0.5], np.float32)
DERMIS = np.array([0.90, 0.80, 0.72], np.float32)
LIGHT_WRAP = (0.26, 0.10, 0.06)
"""How far light creeps round the terminator; red scatters farthest in skin."""

PX_PER_MM = 2.7
"""Typical image scale, for slopes of the relief."""


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Geometry of the visible hand, all (H, W, ...) float32."""

    chart: Float32
    """(H, W, 2) hand-space x, y mm of the rest pose."""
    normals: Float32
    """(H, W, 3) unit; x right, y down, z towards the viewer; zero where there is no hand."""
    nearness: Float32
    """mm towards the viewer."""
    covered: Float32
    """1 where there is a hand."""


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """Chart fields seen from the camera, (H, W) each."""

    deep: Float32
    fine: Float32
    relief: Float32
    """mm"""
    flush: Float32
    net: Float32
    mottling: Float32
    grain: Float32
    ridges: Float32
    facing: Float32
    """0 at the outline .. 1 where the skin faces the camera."""


@dataclass(frozen=True, slots=True)
class Light:
    """One main light, its share against the fill, and the colours of both."""

    direction: Float32
    key_share: float
    key_colour: Float32
    fill_colour: Float32


def random_light(rng: np.random.Generator, obliqueness: float) -> Light:
    """Light from somewhere in front, mostly above; obliqueness is the spread of its angle to the camera axis."""
    around = rng.uniform(0, 2 * np.pi)
    tilt = min(abs(rng.normal(0.3, obliqueness)), 1.0)
    up = -abs(np.sin(around)) if rng.random() < 0.75 else np.sin(around)
    direction = np.array([np.cos(around) * np.sin(tilt), up * np.sin(tilt), np.cos(tilt)], np.float32)
    return Light(
        direction=direction,
        key_share=float(rng.uniform(0.68, 0.88)),
        key_colour=np.exp(rng.normal(0, 0.05, 3)).astype(np.float32),
        fill_colour=np.exp(rng.normal(0, 0.06, 3)).astype(np.float32),
    )


def look_up_skin(
    surface: Surface, creases: CreaseMaps, warp: float, rng: np.random.Generator, shared_texture: bool
) -> Skin:
    """Bring the chart into the image, slightly stretched (warp, mm) as living skin is.

    With `shared_texture` every image gets the same piece of skin texture: the control experiment on hand shape.
    """
    height, width = surface.covered.shape
    shifts = [_smooth_field(rng, (height, width), warp) for _ in range(2)]
    x = (surface.chart[..., 0] + shifts[0] - np.float32(CHART_ORIGIN[0])) * np.float32(CHART_SCALE)
    y = (surface.chart[..., 1] + shifts[1] - np.float32(CHART_ORIGIN[1])) * np.float32(CHART_SCALE)
    facing = np.clip((surface.normals[..., 2] - 0.15) / 0.45, 0, 1)
    lines = cv2.remap(cv2.merge([creases.deep, creases.fine]), x, y, cv2.INTER_LINEAR)
    half = (creases.deep.shape[1] // 2, creases.deep.shape[0] // 2)
    folds = cv2.GaussianBlur(cv2.resize(creases.deep, half, interpolation=cv2.INTER_AREA), (0, 0), 3.2)
    relief = skin_relief() * np.float32(rng.uniform(0.85, 1.15)) - np.float32(2.6 * rng.uniform(0.8, 1.2)) * folds
    broad = cv2.remap(cv2.merge([relief, skin_flush()]), x / 2, y / 2, cv2.INTER_LINEAR)
    texture_rng = np.random.default_rng(0) if shared_texture else rng
    pool = skin_pool()
    texture = pool[texture_rng.integers(0, len(pool))]
    flip, offset = texture_rng.choice([-1, 1], 2), texture_rng.uniform(0, 600, 2)
    tx, ty = (x * flip[0] + offset[0]).astype(np.float32), (y * flip[1] + offset[1]).astype(np.float32)
    seen = np.asarray(cv2.remap(texture, tx, ty, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)
    net, mottling, grain, ridges = (np.ascontiguousarray(seen[..., k]) for k in range(4))
    on_hand = facing * np.clip((56 - surface.chart[..., 1]) / 14, 0, 1)
    return Skin(
        deep=lines[..., 0] * facing,
        fine=lines[..., 1] * facing,
        relief=np.asarray(broad[..., 0] * np.clip((64 - surface.chart[..., 1]) / 14, 0, 1), np.float32),
        flush=np.asarray(broad[..., 1], np.float32),
        net=net * on_hand,
        mottling=mottling,
        grain=grain,
        ridges=ridges * on_hand,
        facing=facing,
    )


def _smooth_field(rng: np.random.Generator, size: tuple[int, int], deviation: float) -> Float32:
    knots = rng.normal(0, deviation, (7, 5)).astype(np.float32)
    return np.asarray(cv2.resize(knots, (size[1], size[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def bumpy_normals(surface: Surface, skin: Skin, ridge_height: float) -> Float32:
    """(H, W, 3) normals bent by creases, folds, pads and ridges."""
    height = skin.relief - (0.85 * skin.deep + 0.6 * skin.fine + 0.02 * skin.net)
    height = height + 0.016 * ridge_height * skin.ridges + 0.015 * skin.grain
    slope = 0.8 * PX_PER_MM / 8
    bent = surface.normals.copy()
    bent[..., 0] -= cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=slope)
    bent[..., 1] -= cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=slope)
    return _normalised(bent)


def _normalised(vectors: Float32) -> Float32:
    length = np.sqrt(np.einsum("hwk,hwk->hw", vectors, vectors))
    return np.asarray(vectors / np.maximum(length, 1e-6)[..., None], np.float32)


def arm_share(chart_y: Float32) -> Float32:
    """0 on the palm .. 1 on the forearm, whose skin is darker and less red."""
    t = np.clip((chart_y - 34) / 56, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def skin_albedo(surface: Surface, skin: Skin, tone: SkinTone, rng: np.random.Generator, ridge_height: float) -> Float32:
    """(H, W, 3) reflectance by the absorbance of melanin and haemoglobin; creases hold more of both."""
    arm = arm_share(surface.chart[..., 1])
    palm_melanin, arm_melanin = 0.06 + 0.95 * tone.melanin**1.6, 0.10 + 2.3 * tone.melanin**1.4
    dorsal = np.clip(0.55 * (1 - skin.facing) + arm, 0, 1) * np.float32(0.8 * (arm_melanin - palm_melanin))
    pigment = np.float32(0.4 + 1.5 * tone.melanin)
    melanin = palm_melanin * (1 + 0.06 * skin.mottling) + dorsal
    melanin += (0.40 * skin.deep + 0.46 * skin.fine + 0.02 * skin.net) * pigment
    melanin += 0.02 * ridge_height * (0.3 + tone.melanin) * skin.ridges
    blood = 0.9 * tone.haemoglobin * (0.8 + 0.55 * skin.flush + 0.08 * skin.mottling) * (1 - 0.45 * arm)
    blood += 0.42 * skin.deep + 0.30 * skin.fine + 0.04 * skin.net
    blood *= np.float32(np.exp(rng.normal(0, 0.12)))
    density = melanin[..., None] * MELANIN + blood[..., None] * HAEMOGLOBIN + np.float32(0.4 + tone.yellow) * YELLOW
    return np.asarray(DERMIS * np.exp(-density), np.float32)


def shade(surface: Surface, skin: Skin, albedo: Float32, normals: Float32, light: Light, gloss: float) -> Float32:
    """(H, W, 3) linear light leaving the hand."""
    key = light.direction
    soft = 0.5 * normals + 0.5 * cv2.GaussianBlur(normals, (0, 0), 1.6)
    lambert, soft_lambert = normals @ key, soft @ key
    wrapped = [
        np.clip(((soft_lambert if band == 0 else lambert) + wrap) / (1 + wrap), 0, None)
        for band, wrap in enumerate(LIGHT_WRAP)
    ]
    fill = 0.45 + 0.45 * (normals @ np.array([-key[0], -0.6, 0.6], np.float32))
    direct = np.dstack(wrapped) * (light.key_share * light.key_colour)
    ambient = fill[..., None] * ((1 - light.key_share) * light.fill_colour)
    openness = ambient_openness(surface) * (1 - 0.32 * skin.deep) * (1 - 0.2 * skin.fine)
    halfway = key + np.array([0, 0, 1], np.float32)
    halfway = (halfway / np.linalg.norm(halfway)).astype(np.float32)
    sheen = gloss * np.clip(normals @ halfway, 0, 1) ** 16 * np.clip(1 + 0.3 * skin.grain + 0.3 * skin.ridges, 0, 2)
    rim = 0.06 * (1 - np.clip(surface.normals[..., 2], 0, 1)) ** 3
    diffuse = albedo * (direct + ambient) * openness[..., None]
    return np.asarray(diffuse + 0.6 * (sheen + rim)[..., None] * light.key_colour, np.float32)


def ambient_openness(surface: Surface) -> Float32:
    """(H, W) how much of the surroundings a point sees, from blurred depth at a quarter of the size."""
    height, width = surface.covered.shape
    depth = np.where(surface.covered > 0, surface.nearness, np.float32(-45))
    small = cv2.resize(depth, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)
    hollow = np.zeros_like(small)
    for sigma in (2.0, 5.0):
        hollow += np.clip((cv2.GaussianBlur(small, (0, 0), sigma) - small) / (7 * sigma**0.5), -0.3, 1)
    openness = np.exp(-0.75 * np.clip(hollow, -0.1, 1.5))
    return np.asarray(cv2.resize(openness, (width, height)), np.float32)
