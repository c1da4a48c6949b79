"""What readers and search engines follow: an Atom feed (RFC 4287) and a sitemap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, indent, tostring

_ATOM = "http://www.w3.org/2005/Atom"
_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the leaderboard as news."""

    path: str
    """Of its page, below the site."""
    title: str
    summary: str
    updated: datetime


def atom(title: str, url: str, entries: Sequence[Entry]) -> str:
    """The feed, newest first.

    Args:
        title: of the site.
        url: of the site, with a slash at the end.
        entries: newest first.
    """
    feed = Element("feed", {"xmlns": _ATOM})
    SubElement(feed, "title").text = title
    SubElement(feed, "id").text = url
    SubElement(feed, "link", {"href": url})
    SubElement(feed, "link", {"rel": "self", "href": f"{url}feed.xml"})
    newest = max((each.updated for each in entries), default=datetime.fromtimestamp(0, UTC))
    SubElement(feed, "updated").text = newest.isoformat()
    author = SubElement(feed, "author")
    SubElement(author, "name").text = title
    for each in entries:
        entry = SubElement(feed, "entry")
        SubElement(entry, "title").text = each.title
        SubElement(entry, "id").text = url + each.path
        SubElement(entry, "link", {"href": url + each.path})
        SubElement(entry, "updated").text = each.updated.isoformat()
        SubElement(entry, "summary").text = each.summary
    return _written(feed)


def sitemap(url: str, paths: Iterable[str]) -> str:
    """The list of all pages.

    Args:
        url: of the site, with a slash at the end.
        paths: of the pages below it.
    """
    urls = Element("urlset", {"xmlns": _SITEMAP})
    for path in sorted(paths):
        SubElement(SubElement(urls, "url"), "loc").text = url + path
    return _written(urls)


def _written(root: Element) -> str:
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"
