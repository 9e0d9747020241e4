"""Text for terminals in which nothing is taken for markup or for a control character."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.errors import MarkupError
from rich.markup import escape
from rich.text import Text

from scansearch.text import cut, visible


class PlainConsole(Console):
    """A console on which text does nothing but be read: control characters are shown as escapes."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Text with markup; text whose markup does not fit together is shown as it is."""
        shown = visible(text, keep="\n")
        try:
            return super().render_str(shown, **options)
        except MarkupError:
            return super().render_str(shown, **{**options, "markup": False})


def plain(value: object) -> str:
    """A value, to stand among words with markup: on one line, nothing in it taken for markup, cut if it is long."""
    return escape(visible(cut(str(value))))
