"""Renders one capture of one palm: identity seed + sample seed + setting -> JPEG bytes and their ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..base import GroundTruth
from ..types import Image
from .hand_mesh import (
    FINGER_JOINTS,
    KEYPOINT_JOINTS,
    Float32,
    Floats,
    HandPose,
    load_hand_mesh,
    pose_hand,
    rasterise,
    vertex_normals,
)
from .palm_backgrounds import dark_cloth, everyday, muted_colour
from .palm_camera import FRAME_SIZE, FramingNuisance, SensorNuisance, expose, frame_hand
from .palm_creases import CreaseNuisance, draw_creases, no_creases
from .palm_identity import PalmIdentity, palm_identity
from .palm_shading import (
    Light,
    Skin,
    Surface,
    bumpy_normals,
    look_up_skin,
    random_light,
    shade,
    skin_albedo,
)
from .palm_texture import band_noise

SettingName = Literal["controlled", "wild"]

SAMPLE_TAGS: dict[SettingName, int] = {"controlled": 11, "wild": 12}
"""Last words of the samples' seeds, so that the settings share no pose or texture."""

KEYPOINT_SHIFTS = {
    0: (9, 0.155),
    2: (3, 0.12),
    3: (4, -0.20),
    4: (3, -0.15),
    **{base: (base + 1, 0.15) for base in (5, 9, 13, 17)},
    **{last: (last + 1, -0.34) for last in (7, 11, 15)},
    19: (20, -0.24),
    **{tip: (tip - 1, -0.20) for tip in (8, 12, 16, 20)},
}
"""Where MediaPipe sees a keypoint: moved from the mesh's joint by a share of the way to another one's joint.

Medians over rendered images of both settings; the shares differ little from hand to hand.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """How much captures of the same palm differ."""

    framing: FramingNuisance
    creases: CreaseNuisance
    sensor: SensorNuisance
    wrist: float
    """Spread of the wrist's sideways angle, degrees."""
    spread: float
    """Spread of how far the fingers are apart, degrees."""
    flexion: float
    warp: float
    """Elastic stretch of the skin, mm."""
    obliqueness: float
    """Spread of the light's angle to the camera axis, radians."""
    cast_shadow: float
    """Chance of a shadow falling across the hand."""
    everyday_background: bool


SETTINGS: dict[SettingName, Setting] = {
    "controlled": Setting(
        framing=FramingNuisance(roll=5, tilt=4.2, scale=0.04, shift=12),
        creases=CreaseNuisance(jitter=0.20, drop=0.05),
        sensor=SensorNuisance(0.10, 0.025, 0.09, (0.4, 0.8), (0.004, 0.010), (85, 93), 0.0),
        wrist=4,
        spread=1.8,
        flexion=3.0,
        warp=0.3,
        obliqueness=0.35,
        cast_shadow=0.0,
        everyday_background=False,
    ),
    "wild": Setting(
        framing=FramingNuisance(roll=14, tilt=4.9, scale=0.08, shift=24),
        creases=CreaseNuisance(jitter=0.22, drop=0.06),
        sensor=SensorNuisance(0.17, 0.032, 0.16, (0.5, 1.1), (0.005, 0.016), (72, 92), 0.3),
        wrist=8,
        spread=2.4,
        flexion=4.0,
        warp=0.4,
        obliqueness=0.65,
        cast_shadow=0.3,
        everyday_background=True,
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """One rendered photograph."""

    jpeg: bytes
    """What the simulated camera writes."""
    truth: GroundTruth

    def image(self) -> Image:
        """(640, 480, 3) uint8 RGB, decoded from the JPEG."""
        bgr = cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR)
        return np.ascontiguousarray(np.asarray(bgr, np.uint8)[..., ::-1])


def render(
    identity_seed: int,
    sample_seed: int,
    setting: SettingName,
    *,
    strokes: Literal["all", "none"] = "all",
    texture: Literal["sampled", "shared"] = "sampled",
) -> Capture:
    """Render a palm.

    Args:
        identity_seed: non-negative; see `palm_seeds` for who may use which.
        sample_seed: non-negative; other pose, light, skin texture and background of the same palm.
        setting: `controlled` (dark backing, even light) or `wild`.
        strokes: `none` leaves out every crease: the control that shows that nothing else tells palms apart.
        texture: `shared` gives all images the same skin texture: with `strokes="none"`, hand shape alone.
    """
    chosen = SETTINGS[setting]
    identity = palm_identity(identity_seed)
    rng = np.random.default_rng([identity_seed, sample_seed, SAMPLE_TAGS[setting]])
    surface, joints = _capture_geometry(identity, chosen, rng)
    creases = draw_creases(identity, chosen.creases, rng) if strokes == "all" else no_creases()
    skin = look_up_skin(surface, creases, chosen.warp, rng, texture == "shared")
    light = random_light(rng, chosen.obliqueness)
    hand, sleeve = _light_hand(surface, skin, identity, light, chosen, rng)
    scene = _compose(hand, surface.covered, light, chosen, rng)
    bare = (surface.covered > 0) & ~sleeve
    developed = expose(scene, bare, 0.41 - 0.26 * identity.skin.melanin, chosen.sensor, rng)
    pixels = (developed * 255 + 0.5).astype(np.uint8)
    truth = _ground_truth(joints, bare)
    if identity.hand == "right":
        pixels, truth = pixels[:, ::-1], _mirrored(truth)
    quality = int(rng.integers(chosen.sensor.jpeg_quality[0], chosen.sensor.jpeg_quality[1] + 1))
    bgr = np.ascontiguousarray(pixels[..., ::-1])
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return Capture(encoded.tobytes(), truth)


def random_pose(setting: Setting, rng: np.random.Generator) -> HandPose:
    """An open hand with slightly bent, slightly spread fingers."""
    spread, bend = rng.normal(0, setting.spread), abs(rng.normal(3, setting.flexion))
    abduction = (
        0.6 * rng.normal(0, 6),
        -spread + rng.normal(0, 1.5),
        rng.normal(0, 1.5),
        0.8 * spread + rng.normal(0, 1.5),
        1.6 * spread + rng.normal(0, 2),
    )
    flexion = []
    for finger in FINGER_JOINTS:
        is_thumb = finger == "thumb"
        angles = np.abs(rng.normal(0, setting.flexion * 0.5, 3)) + bend * (0.3 if is_thumb else 1.0)
        base = rng.normal(2, 4) if is_thumb else angles[0] * 0.6 - 2
        flexion.append((float(base), float(angles[1]), float(angles[2])))
    return HandPose(
        abduction=abduction,
        flexion=tuple(flexion),
        wrist_deviation=float(rng.normal(0, setting.wrist)),
        wrist_flexion=float(rng.normal(0, 5)),
    )


def _capture_geometry(identity: PalmIdentity, setting: Setting, rng: np.random.Generator) -> tuple[Surface, Floats]:
    """The visible surface and the 21 keypoints (px, first pixel's centre at 0, 0)."""
    mesh = load_hand_mesh()
    height, width = FRAME_SIZE
    vertices, joints = pose_hand(mesh, identity.shape, random_pose(setting, rng))
    view = frame_hand(vertices[mesh.vertices[:, 1] < 46], setting.framing, rng)
    points, turned = view.project(vertices)
    raster = rasterise(points, turned[:, 2], mesh.faces, height, width)
    attributes = np.concatenate(
        [mesh.vertices[:, :2], vertex_normals(turned, mesh.faces), turned[:, 2:]], axis=1, dtype=np.float32
    )
    rows = np.zeros((height * width, 7), np.float32)
    rows[raster.pixels, :6] = np.einsum("nka,nk->na", attributes[raster.corners], raster.shares)
    rows[raster.pixels, 6] = 1
    fields = rows.reshape(height, width, 7)
    normals = fields[..., 2:5]
    normals = normals / np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-6)
    surface = Surface(fields[..., :2], normals, fields[..., 5], fields[..., 6])
    return surface, view.project(detector_keypoints(joints))[0] - 0.5


def detector_keypoints(joints: Floats) -> Floats:
    """(21, 3) keypoints as MediaPipe defines them, from the mesh's (25, 3) joints (see KEYPOINT_SHIFTS)."""
    anatomical = joints[list(KEYPOINT_JOINTS)]
    points = anatomical.copy()
    for keypoint, (other, share) in KEYPOINT_SHIFTS.items():
        points[keypoint] += share * (anatomical[other] - anatomical[keypoint])
    return points


def _light_hand(
    surface: Surface, skin: Skin, identity: PalmIdentity, light: Light, setting: Setting, rng: np.random.Generator
) -> tuple[Float32, NDArray[np.bool_]]:
    """Linear light of hand and sleeve (H, W, 3), and where the sleeve is."""
    ridge_height = float(rng.uniform(0.5, 1.0))
    normals = bumpy_normals(surface, skin, ridge_height)
    albedo = skin_albedo(surface, skin, identity.skin, rng, ridge_height)
    sleeve = np.zeros(surface.covered.shape, bool)
    if rng.random() < 0.6:
        sleeve = (surface.chart[..., 1] > rng.uniform(92, 125)) & (surface.covered > 0)
        x, y = surface.chart[sleeve].T
        weave = 1 + 0.10 * np.sin(4.2 * x) * np.sin(4.2 * y)
        albedo[sleeve] = weave[:, None] * muted_colour(rng)
        normals[sleeve] = surface.normals[sleeve]
    lit = shade(surface, skin, albedo, normals, light, float(rng.uniform(0.01, 0.05)))
    if rng.random() < setting.cast_shadow:
        height, width = FRAME_SIZE
        cloud = cv2.resize(band_noise(rng, (height // 8, width // 8), 30, 60), (width, height))
        cloud = cv2.GaussianBlur(cloud, (0, 0), rng.uniform(4, 14))
        shadow = 1 / (1 + np.exp(-6 * (cloud - rng.uniform(0.2, 0.9))))
        lit = lit * (1 - np.float32(rng.uniform(0.25, 0.5)) * shadow)[..., None]
    return lit, sleeve


def _compose(hand: Float32, covered: Float32, light: Light, setting: Setting, rng: np.random.Generator) -> Float32:
    """Hand over background with a soft outline; in everyday scenes the hand shades what lies behind it."""
    background = (everyday if setting.everyday_background else dark_cloth)(rng, FRAME_SIZE)
    if setting.everyday_background:
        background = background * np.float32(rng.uniform(0.4, 1.1))
        dx, dy = (int(v) for v in -light.direction[:2] * rng.uniform(6, 26))
        move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        shadow = cv2.warpAffine(covered, move, (covered.shape[1], covered.shape[0]))
        shadow = cv2.GaussianBlur(shadow, (0, 0), rng.uniform(4, 14))
        background = background * (1 - np.float32(rng.uniform(0.2, 0.65)) * shadow)[..., None]
    opacity = np.clip((cv2.GaussianBlur(covered, (0, 0), 0.7) - 0.15) / 0.7, 0, 1)[..., None]
    # The hand's colour is continued outwards, else the soft outline would have a dark rim.
    weight = cv2.GaussianBlur(covered, (0, 0), 1.2)[..., None] + 1e-4
    continued = cv2.GaussianBlur(hand * covered[..., None], (0, 0), 1.2) / weight
    outlined = np.where(covered[..., None] > 0, hand, continued)
    return np.asarray(outlined * opacity + background * (1 - opacity), np.float32)


def palm_square(keypoints: Floats) -> Float32:
    """(4, 2) corners of the palm square, index side first: top-left, top-right, bottom-right, bottom-left.

    Its centre lies .56 L below the middle of keypoints 5 and 17 towards the wrist, its side is 1.05 L, with L the
    distance of the two.
    """
    index, little, wrist = keypoints[5], keypoints[17], keypoints[0]
    length = float(np.linalg.norm(little - index))
    across = (little - index) / length
    down = np.array([-across[1], across[0]])
    if down @ (wrist - index) < 0:
        down = -down
    centre = (index + little) / 2 + 0.56 * length * down
    half = 0.525 * length
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return np.array([centre + half * (sx * across + sy * down) for sx, sy in signs], np.float32)


def _ground_truth(keypoints: Floats, bare: NDArray[np.bool_]) -> GroundTruth:
    return GroundTruth(keypoints.astype(np.float32), bare, palm_square(keypoints))


def _mirrored(truth: GroundTruth) -> GroundTruth:
    keypoints = truth.keypoints_2d.copy()
    keypoints[:, 0] = truth.mask.shape[1] - 1 - keypoints[:, 0]
    return _ground_truth(keypoints.astype(float), np.ascontiguousarray(truth.mask[:, ::-1]))
