"""The palm renderer: identity, creases, texture, shading, camera and backgrounds of a hand that nobody has."""
