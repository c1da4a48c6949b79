"""TIP-IM: faces by an adversarial mask."""
