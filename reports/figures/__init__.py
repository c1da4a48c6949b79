"""Figures for papers, from records alone: vector PDF and SVG, the same bytes for the same records."""
