"""Images that are in more than one of training, validation and test."""

from __future__ import annotations

from collections.abc import Mapping

from scansearch.data.division import Portion
from scansearch.data.splits import Split
from scansearch.errors import ScansearchError

Place = tuple[str, int]
"""Role and index of an image."""


def shared_images(splits: Mapping[str, Split]) -> list[tuple[Place, Place]]:
    """Images whose pixels are also in an earlier split, each with the first of those.

    Args:
        splits: By role, in the order of training, validation, test.

    Returns:
        One pair an image of a later split: where it was first, and where it is again.
    """
    first: dict[str, Place] = {}
    pairs = []
    for role, split in splits.items():
        places = {content: (role, index) for index, content in reversed(list(enumerate(split.contents)))}
        pairs += [(first[c], (role, index)) for index, c in enumerate(split.contents) if c in first]
        first = {**places, **first}
    return pairs


def describe_shared(splits: Mapping[str, Split], portions: Mapping[str, Portion], refuse: bool) -> tuple[str, ...]:
    """At most one line about images that splits share.

    Args:
        splits: By role.
        portions: Where they come from.
        refuse: Whether there may be none.

    Raises:
        ScansearchError: If there may be none, and there are.
    """
    pairs = shared_images(splits)
    if not pairs:
        return ()
    first, again = (_name(splits[role], portions[role], index) for role, index in pairs[0])
    found = (
        f"{len(pairs):,} validation or test image{' is' if len(pairs) == 1 else 's are'} also in another part, pixel for "
        f"pixel, for example {again} = {first}"
    )
    if refuse:
        raise ScansearchError(
            f"training, validation and test must not share an image, but {found}; remove the copies, or allow them with "
            "refuse_duplicates=false"
        )
    return (f"{found}: accuracies on them say little; remove the copies (refuse_duplicates=true refuses such data)",)


def _name(split: Split, portion: Portion, index: int) -> str:
    from scansearch.data.encoded import EncodedSplit  # imported here: they need pillow, and most data sets do not
    from scansearch.data.file_split import FileSplit

    if isinstance(split, FileSplit):
        return str(split.root / split.files[index])
    if isinstance(split, EncodedSplit):
        return str(split.source.name(index))
    return f"image {int(portion.indices[index])} of the {portion.part} part"
