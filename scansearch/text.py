"""Text that comes from elsewhere: how it is shown, and which names may become files.

The one place for it. Whatever reaches a terminal, a message or a log goes through ``visible`` or ``one_line``.
"""

from __future__ import annotations

import re

LONGEST_MESSAGE = 1800  # characters
LONGEST_NAME = 100  # characters: with what is added to it, still a file name everywhere

_RESERVED = r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)"  # devices of Windows, whatever follows the dot
_FILE_NAME = re.compile(
    rf"(?!{_RESERVED})[a-z0-9_][a-z0-9._-]{{0,{LONGEST_NAME - 1}}}(?<!\.)", re.IGNORECASE | re.ASCII
)
FILE_NAME_RULE = (
    f"a name that may become a file: 1 to {LONGEST_NAME} letters (a-z), digits, dots, _ and -, not beginning with a dot or -, "
    "not ending with a dot, and none of Windows' devices (con, nul, ...)"
)


def is_file_name(name: str) -> bool:
    """Whether a name may become that of a file or folder, on every system, inside the folder it is meant for.

    Examples:
        >>> is_file_name("pyramid-2.1"), is_file_name("../x"), is_file_name("nul.txt")
        (True, False, False)
    """
    return _FILE_NAME.fullmatch(name) is not None


def visible(text: str, keep: str = "") -> str:
    r"""The text with every character that would move a cursor, colour, hide or turn text around shown as its escape.

    Args:
        text: Any text.
        keep: Such characters that stay as they are.

    Examples:
        >>> print(visible("a\x1b[31mb\r\u202ec"))
        a\x1b[31mb\r\u202ec
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def cut(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """The text if it has at most ``longest`` characters, else its two ends and how much is left out between."""
    if len(text) <= longest:
        return text
    begin, end = longest - longest // 3, longest // 3
    return f"{text[:begin]}... ({len(text) - begin - end:,} characters left out) ...{text[len(text) - end :]}"


def one_line(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """The text as one line that does nothing but be read, cut in the middle if it is long."""
    return visible(" ".join(cut(text, longest).splitlines()))


def shortened(text: str, longest: int = 60) -> str:
    """The text if it has at most ``longest`` characters, else its beginning and ``...``."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def brief(value: object) -> str:
    """A value for a message: a number, a text or None as it is, at most 40 characters, anything else by its type.

    Examples:
        >>> brief("x"), brief(0.5), brief([1, 2])
        ("'x'", '0.5', 'a list')
    """
    return (
        shortened(repr(value), 40) if isinstance(value, (int, float, str, type(None))) else f"a {type(value).__name__}"
    )
