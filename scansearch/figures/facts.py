"""What a figure's reader must know about the search: what was searched, with what, and how its training loss was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scansearch.documents import read_toml
from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype
from scansearch.registry import STRATEGIES

AUGMENTS = ("shift", "flip", "brightness", "contrast", "erase")


@dataclass(frozen=True)
class SearchFacts:
    """A search in a few words. Both files may come from other hands: what is no text or number is left out.

    Args:
        config: ``config.toml`` of the run; empty if there is none.
        genotype: What was found, if anything was.
    """

    config: Mapping[str, Any]
    genotype: Genotype | None

    @classmethod
    def of(cls, run: Path | None, genotype: Genotype | None) -> SearchFacts:
        """Those of a run folder, or of a genotype alone.

        Raises:
            ScansearchError: If ``config.toml`` is damaged.
        """
        path = run / "config.toml" if run else None
        return cls(read_toml(path) if path and path.is_file() else {}, genotype)

    @property
    def subject(self) -> list[str]:
        """Model and data, strategy, space, seed and epochs: as many as are known, each a few words."""
        model, data, epochs = self._model, self._data, self._epochs
        where = f"{model} on {data}" if model and data else model or data
        known = {"seed {}": self._seed, "space {}": self._space}
        parts = [where, self.strategy, *(form.format(value) for form, value in known.items() if value)]
        parts.append(f"{epochs} epoch{'s' * (epochs != '1')}" if epochs else "")
        return [part for part in (*parts, _word(self._search.get("source"))) if part]

    @property
    def strategy(self) -> str:
        """Its name, or nothing."""
        return _word(_section(self.config, "strategy").get("name")) or _word(self._search.get("strategy"))

    @property
    def score_name(self) -> str:
        """What the scores are: the strategy's own word, if it is installed here."""
        try:
            strategy = STRATEGIES.get(self.strategy) if self.strategy else None
        except ScansearchError:  # it need not be installed, nor be importable here, for its run to be drawn
            strategy = None
        return str(getattr(strategy, "score_name", "score"))

    @property
    def augmented(self) -> bool | None:
        """Whether training images were changed; unknown without a configuration."""
        augment = _section(self.config, "augment")
        return any(augment.get(name) for name in AUGMENTS) or bool(self.mixed) if augment else None

    @property
    def mixed(self) -> list[str]:
        """``mixup``, ``cutmix``, both or neither."""
        augment = _section(self.config, "augment")
        return [name for name in ("mixup", "cutmix") if augment.get(name) and augment.get("mix_probability", 1)]

    @property
    def label_smoothing(self) -> float:
        """Of the training loss; 0 if there was none, or it is not known."""
        value = _section(self.config, "train").get("label_smoothing", 0.0)
        return value if isinstance(value, float) else 0.0

    @property
    def _search(self) -> Mapping[str, Any]:
        return self.genotype.search if self.genotype else {}

    @property
    def _seed(self) -> str:
        return _word(self.config.get("seed")) or _word(self._search.get("seed"))

    @property
    def _model(self) -> str:
        return _word(_section(self.config, "model").get("name")) or _word(
            self.genotype.model if self.genotype else None
        )

    @property
    def _data(self) -> str:
        return _word(_section(self.config, "data").get("name")) or _word(_section(self._search, "data").get("name"))

    @property
    def _space(self) -> str:
        space = self.genotype.space if self.genotype else None
        return _word(_section(self.config, "space").get("name")) or _word((space or {}).get("name"))

    @property
    def _epochs(self) -> str:
        planned = _word(_section(self.config, "train").get("epochs")) or _word(self._search.get("epochs"))
        trained = _word(self._search.get("epochs_trained"))
        return f"{trained} of {planned}" if trained and planned and trained != planned else planned


def _section(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}


def _word(value: object) -> str:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
