"""Passwords in URLs: found, and kept out of files and messages."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

MASK = "***"
USER = r"(?i)\b(?!sqlite:/)([a-z][a-z0-9+.-]*:/+[^\s:]*:)"
AUTHORITY, ALONE = re.compile(USER + r"(\S*)@"), re.compile(USER + r"(.*)@", re.DOTALL)
"""``scheme://user:`` and the password, to the last ``@``: it may hold one itself. In a text, or where nothing follows the URL."""
PARAMETER = re.compile(
    r"(?i)([?&;=\s][\w.-]*(?:password|passwd|passphrase|pass|pwd|secret|token)\s*=\s*)(\{[^}]*\}|[^&;\s'\"]+)"
)


def masked(text: str) -> str:
    """The text with ``***`` in place of the passwords of the URLs in it."""
    return PARAMETER.sub(rf"\1{MASK}", AUTHORITY.sub(rf"\1{MASK}@", text))


def passwords(url: str) -> set[str]:
    """The passwords of a URL, as they stand there and unquoted; none in the path of an SQLite file."""
    found = {match[2] for text in (url, unquote_plus(url)) for match in PARAMETER.finditer(text)}
    found |= {match[2] for match in ALONE.finditer(url)}
    return {text for password in found if password for text in (password, unquote_plus(password))}


def without(text: str, url: str) -> str:
    """The text without the URL's passwords, and without pieces of them, as a parser quotes them that stumbles there."""
    pieces = {piece for password in passwords(url) for piece in re.split(r"[\W_]+", password) if len(piece) > 2}
    for secret in sorted(passwords(url) | pieces, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return masked(text)
