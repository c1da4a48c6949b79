"""What the image lost: similarity, perceptual distances, distances between sets."""
