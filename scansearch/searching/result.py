"""What a search found: the genotype that it chose, and those that nothing else it judged beats in accuracy and cost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype
from scansearch.runs.config import RunConfig
from scansearch.searching.certainty import margin
from scansearch.searching.loop import SearchLoop
from scansearch.searching.rows import pareto_front
from scansearch.space import Choice, SearchSpace


class Result:
    """The end of a search.

    Args:
        config: The run's settings.
        space: The space as the user named it.
        loop: The search, done.
        environment: What the run depended on.
    """

    def __init__(self, config: RunConfig, space: SearchSpace, loop: SearchLoop, environment: dict[str, Any]) -> None:
        self.config, self.named, self.loop, self.environment = config, space, loop, environment
        self.strategy, self.space, self.measure = loop.strategy, loop.space, loop.data.shape.measure

    def genotype(self) -> Genotype:
        """The chosen one, with scores, margins, and the accuracies of supernet and sub-network.

        Raises:
            ScansearchError: If the strategy chose what is not in the space.
        """
        kept = self.strategy.choose()
        if not self.space.allows(kept):
            raise ScansearchError(
                f"strategy {self.config.strategy.name} chose {kept}, which is not in space {self.space.name!r}"
            )
        search = {**self._facts, **self._accuracies(kept), **self._ending}
        if self.space.budget is not None:
            search["cost"] = self.space.cost_text(kept)
        return self._written(kept, self._certainty(kept), search)

    def front(self) -> dict[int, Genotype]:
        """The judged genotypes on the front of accuracy and cost, by number; none if all that were judged cost the same."""
        judged = self.strategy.judged_genotypes()
        if len({self.space.total_cost(choice) for choice in judged}) < 2:
            return {}
        found = {}
        for choice, number in pareto_front(self.space, judged).items():
            by = f"{'derived' if self.strategy.traits.trains_supernet else 'trained'}_{self.measure}"
            figures = {by: round(judged[choice], 9), "cost": self.space.cost_text(choice)}
            search = {**self._facts, **figures, **self._ending}
            found[number] = self._written(choice, [{}] * len(choice), search)
        return found

    def _written(self, choice: Choice, more: Sequence[dict[str, Any]], search: dict[str, Any]) -> Genotype:
        layers = [
            {"stage": stage, "grid": list(layer.grid), "directions": [layer.candidates[j] for j in kept], **extra}
            for stage, layer, kept, extra in zip(self.space.stages, self.space, choice, more, strict=True)
        ]
        told = {key: value for key, value in self.named.to_dict().items() if key not in ("schema", "description")}
        space = {**told, "candidates": list(self.named.all_candidates)}
        model = {"model": self.config.model.name, "options": self.config.model.settings, "shape": self.loop.data.shape}
        return Genotype.from_dict({**model, "space": space, "layers": layers, "search": search})

    def _certainty(self, choice: Choice) -> list[dict[str, Any]]:
        """Scores and margins of each layer."""
        found = []
        for i, (layer, kept, scores) in enumerate(zip(self.space, choice, self.strategy.scores(), strict=True)):
            gap = margin(scores, kept)
            noise = self.loop.history.noise(i, kept) if self.strategy.traits.gradual else None
            decided = gap != float("inf")
            known = decided and self.strategy.traits.gradual
            found.append(
                {
                    "scores": {name: round(float(s), 9) for name, s in zip(layer.candidates, scores, strict=True)},
                    "margin": round(gap, 9) + 0.0 if decided else None,  # never -0.0
                    "margin_noise": None if noise is None else round(noise, 9),
                    "settled": bool(noise is not None and gap > noise) if known else None,
                }
            )
        return found

    @cached_property
    def _facts(self) -> dict[str, Any]:
        return {
            "strategy": self.config.strategy.name,
            "settings": self.config.strategy.settings,
            "seed": self.config.seed,
            "data": self.environment["data"],
            "epochs": self.config.train.epochs,
        }

    @cached_property
    def _ending(self) -> dict[str, Any]:
        told = {
            "accuracy_on": "validation",
            "versions": self.environment.get("versions"),
            "command": self.environment.get("command"),
        }
        if self.strategy.stopped:
            told["epochs_trained"] = self.loop.step // self.loop.plan.steps_per_epoch
        return told

    def _accuracies(self, kept: Choice) -> dict[str, float]:
        """Those of the supernet; or, where none was trained, that of the chosen network."""
        if not self.strategy.traits.trains_supernet:
            judged = self.strategy.judged_genotypes().get(kept)
            return {} if judged is None else {f"trained_{self.measure}": round(judged, 9)}
        whole, derived = (
            self.loop.evaluate(selections) for selections in (self.strategy.evaluation(), self.strategy.derived(kept))
        )
        figures = {
            f"supernet_{self.measure}": whole.worth, "supernet_loss": whole.loss, f"derived_{self.measure}": derived.worth,
        }  # fmt: skip
        return {name: round(figure, 9) for name, figure in figures.items()}
