"""A badge: one number as a small picture that a README can show."""

from __future__ import annotations

from html import escape

_CHARACTER = 6.6
"""Mean width of a character at 11 px in the fonts that are asked for; the text is squeezed to what is reserved."""


def badge(name: str, value: str) -> str:
    """An SVG picture without scripts, styles or anything from elsewhere.

    Args:
        name: what is measured; left, on grey.
        value: the number; right.
    """
    widths = [round(len(text) * _CHARACTER) + 12 for text in (name, value)]
    whole = sum(widths)
    name, value = escape(name), escape(value)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" '
        f'aria-label="{name}: {value}"><title>{name}: {value}</title>'
        f'<rect width="{whole}" height="20" rx="3" fill="#2b5f8a"/>'
        f'<path d="M3 0h{widths[0] - 3}v20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" fill="#444"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="6" y="14" textLength="{widths[0] - 12}" lengthAdjust="spacingAndGlyphs">{name}</text>'
        f'<text x="{widths[0] + 6}" y="14" textLength="{widths[1] - 12}" lengthAdjust="spacingAndGlyphs">{value}</text>'
        "</g></svg>\n"
    )
