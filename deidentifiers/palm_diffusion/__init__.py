"""The palm paper's method: new palms by inpainting."""
