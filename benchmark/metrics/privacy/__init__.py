"""How well people are hidden: unlinkability, singling out, diversity."""
