"""Hand detection, keypoints, masks and palm squares (floor 2)."""
