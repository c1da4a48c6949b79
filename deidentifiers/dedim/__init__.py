"""DeDiM: faces by guided sampling of a diffusion model."""
