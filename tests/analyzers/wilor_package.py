"""A stand-in for the package wilor_mini: the same import path, constructor and output layout, no networks."""

from __future__ import annotations

from pathlib import Path

from deid_bench.analyzers.wilor import FILES

_PIPELINE = '''
from pathlib import Path

import numpy as np
import torch

HANDS = []
"""(keypoints (21, 2), is_right, box) of every hand that an image shows unless it is dark."""
SEEN = []
"""First pixel of every image it was given, with the options."""
BUILT = []


class WiLorHandPose3dEstimationPipeline:
    def __init__(self, **kwargs):
        BUILT.append(kwargs)
        folder = Path(kwargs["wilor_pretrained_dir"])
        for name in ("mano_mean_params.npz", "MANO_RIGHT.pkl", "wilor_final.ckpt", "detector.pt"):
            if (folder / "pretrained_models" / name).read_bytes() == b"pickled":
                raise RuntimeError("Weights only load failed. This file can still be loaded ...")
        assert isinstance(kwargs["device"], torch.device) and isinstance(kwargs["dtype"], torch.dtype)

    @torch.no_grad()
    def predict(self, image, **kwargs):
        SEEN.append((image[0, 0].tolist(), image.flags["C_CONTIGUOUS"], kwargs))
        image[0, 0] = 0
        if image.mean() < 64:
            return []
        return [self._hand(image, *hand) for hand in HANDS]

    def _hand(self, image, points, is_right, box):
        joints = np.concatenate([points, points[:, :1]], axis=1)[None].astype(np.float32) / 1000
        f32 = np.float32
        return {
            "hand_bbox": [float(each) for each in box],
            "is_right": is_right,
            "wilor_preds": {
                "global_orient": np.zeros((1, 1, 3), f32),
                "hand_pose": np.zeros((1, 15, 3), f32),
                "betas": np.zeros((1, 10), f32),
                "pred_cam": np.ones((1, 3), f32),
                "pred_keypoints_3d": joints,
                "pred_vertices": np.zeros((1, 778, 3), f32),
                "pred_cam_t_full": np.ones((1, 3), f32),
                "scaled_focal_length": 5000 / 256 * max(image.shape[:2]),
                "pred_keypoints_2d": np.asarray(points, np.float64)[None],
            },
        }
'''


def write_package(root: Path) -> None:
    """The importable package below `root`."""
    for part in ("wilor_mini", "wilor_mini/pipelines"):
        (root / part).mkdir(parents=True)
        (root / part / "__init__.py").write_text("")
    (root / "wilor_mini/pipelines/wilor_hand_pose3d_estimation_pipeline.py").write_text(_PIPELINE)


def write_files(root: Path) -> Path:
    """A folder with the four files, each with a content of its own."""
    for name in FILES:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"content of " + name.encode())
    return root
