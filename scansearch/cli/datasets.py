"""``scansearch datasets``: the data sets there are, where each comes from, and whether it is on this machine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scansearch.cli.console import guarded, out, print_json
from scansearch.cli.listing import show_listing
from scansearch.display.plain import plain
from scansearch.errors import ScansearchError

if TYPE_CHECKING:
    from scansearch.data import DatasetSpec, ImageData

LINK = re.compile(r"https?://\S+")


@guarded
def command(
    name: Annotated[str | None, typer.Argument(help="Read this one, and show its images and classes.")] = None,
    data_root: Annotated[str, typer.Option(help="Folder (or file) of the data, as for `scansearch run`.")] = "",
    json: Annotated[bool, typer.Option("--json", help="JSON for other programs.")] = False,
) -> None:
    """List data sets: what each is, where it comes from, and whether it is on this machine.

    With a name, the data are read as a run would read them: look at your own before you search.

    Examples:
      scansearch datasets
      scansearch datasets imagefolder --data-root photos
    """
    from scansearch.registry import DATASETS

    if name is None:
        if data_root:
            raise ScansearchError(f"--data-root needs the name of a data set; there is: {', '.join(DATASETS.names())}")
        found = [_facts(DATASETS.get(n)) for n in DATASETS.names()]
        cells = {
            "found": lambda fact: "yes" if fact["found"] else "no",
            "from": lambda fact: _without_links(fact["where"]),
        }
        links = "".join(f"{fact['name']}: {link}\n" for fact in found for link in LINK.findall(fact["where"]))
        more = f"{links}\nread one before you search: `scansearch datasets NAME --data-root WHERE`"
        show_listing("dataset", found, cells, json=json, more=more)
        return
    spec = DATASETS.get(name)
    read = (
        _contents(spec.load(data_root or None, skip_damaged=not spec.large)) if data_root or not _missing(spec) else {}
    )
    facts = {**_facts(spec), **({"found": True, "missing": None, **read} if read else {})}
    if json:
        print_json(facts)
    else:
        _show(facts)


def _without_links(where: str) -> str:
    """A column would cut a link in pieces: the links stand below the table."""
    return LINK.sub("the link below", where)


def _missing(spec: DatasetSpec) -> str | None:
    """Why the data cannot be read without a data root, or nothing if they can."""
    if spec.bundled:
        return None
    try:
        (spec.find or spec.read)(None)
    except ScansearchError as error:
        return str(error)
    return None


def _facts(spec: DatasetSpec) -> dict[str, Any]:
    missing = _missing(spec)
    augment = spec.augment.model_dump(exclude_defaults=True)
    return {
        "name": spec.name, "description": spec.description, "where": spec.where, "found": missing is None,
        "missing": missing, "augment": augment,
    }  # fmt: skip


def _contents(data: ImageData) -> dict[str, Any]:
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    return {
        "images": {role: len(split) for role, split in splits.items()},
        "channels": data.channels,
        "image_size": list(data.image_size),
        "classes": list(data.class_names),
        "notes": list(data.notes),
    }


def _show(facts: dict[str, Any]) -> None:
    out.print(f"[bold]{plain(facts['name'])}[/]: {plain(facts['description'])}")
    if facts["found"]:
        height, width = facts["image_size"]
        out.print(", ".join(f"{count:,} {role} images" for role, count in facts["images"].items()))
        out.print(f"{height} x {width} pixels, {facts['channels']} channel{'' if facts['channels'] == 1 else 's'}")
        for note in facts["notes"]:
            out.print(f"[yellow]note:[/] {plain(note)}", soft_wrap=True)
        out.print(f"{len(facts['classes'])} classes: {plain(', '.join(facts['classes']))}")
    else:
        out.print(f"not found: {plain(facts['missing'])}", soft_wrap=True)
    out.print(f"augmentation: {_settings(facts['augment'])}")


def _settings(augment: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in augment.items()) or "none"
