"""An additive surrogate with Thompson sampling (BOCS, Baptista & Poloczek, arXiv 1806.08838, of first order).

What a genotype is worth is taken for a sum: accuracy = b0 + the gains of the directions that each layer keeps + noise. Random
genotypes come first. Then, judgement by judgement, gains are drawn from their posterior (section 3.2 there), and the genotype
that is best by them is judged: exactly the best within the space, its constraints and its budget, where BOCS relaxes.

The last judgement is that of the genotype that is best by the posterior mean, and this one is chosen (``pick=expected``).

With ``judge=training`` Hyperband can end trainings early. The model then takes for the accuracy what the network had, and what those that
were trained to the end have gained since, in the mean. What was ended is not chosen, and the last judgement is never ended.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator
from typing_extensions import override

from scansearch.lazy import torch
from scansearch.runs.limits import MOST_JUDGED
from scansearch.space import BoundSpace, Choice
from scansearch.strategy import Judge, Plan
from scansearch.strategy.black_box import PICK, Ask, BlackBox, BlackBoxSettings, Pick
from scansearch.strategy.black_box.ask import best_of

if TYPE_CHECKING:
    from scansearch.models import Supernet
    from scansearch.strategy.black_box.pruned_trainings import PrunedTrainings

DRAWS = 3
"""Draws of gains for a judgement, as long as what they make best is known already."""


class SurrogateSettings(BlackBoxSettings):
    """Settings of the search by an additive surrogate."""

    pick: Pick = Field("expected", description=PICK)

    trials: int = Field(200, ge=2, le=MOST_JUDGED, description="Genotypes to judge.")
    initial: int = Field(
        30, ge=1, le=MOST_JUDGED, description="Random genotypes to judge before the model proposes any."
    )
    pruner: Literal["none", "hyperband"] = Field(
        "none",
        description="Ends trainings of judge=training early: hyperband, after 1, 3, 9 ... epochs; the model learns from all of them.",
    )

    @model_validator(mode="after")
    def _prunes_trainings(self) -> SurrogateSettings:
        if self.judge == "supernet" and self.pruner != "none":
            raise ValueError(f"pruner={self.pruner} is for judge=training, but a supernet judges; set judge=training")
        return self


class Surrogate(BlackBox):
    """Learns what each direction of each layer adds, and judges what that makes best."""

    description = "learns what each direction adds, and judges what that makes best (BOCS of first order)"
    when = "many directions, noisy judgements; found most for its time after darts"
    score_name = "gain in accuracy"
    Settings = SurrogateSettings
    settings: SurrogateSettings

    @property
    @override
    def judgements(self) -> int:
        return self.settings.trials - (self.settings.pick == "expected")

    @override
    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        super().setup(supernet, space, plan)
        self.last: dict[Choice, float] = {}
        """The last judgement, where trainings may end early."""
        self.trainings = self._trainings({})

    def _trainings(self, reports: dict[Choice, list[float]]) -> PrunedTrainings | None:
        if self.settings.pruner == "none":
            return None
        from scansearch.strategy.black_box.pruned_trainings import PrunedTrainings

        return PrunedTrainings(self.settings.judge_epochs, reports)

    @override
    def finish(self, evaluate: Judge) -> None:
        """Keeps the judge, for the last judgement."""
        self.evaluate = evaluate
        super().finish(evaluate)

    @override
    def judged(self, choice: Choice, evaluate: Judge) -> float:
        if self.trainings is None:
            return super().judged(choice, evaluate)
        epochs = self.settings.judge_epochs
        return self.trainings.accuracy(choice, lambda told: evaluate.from_scratch(choice, epochs, report=told))

    @override
    def judged_genotypes(self) -> dict[Choice, float]:
        """Those of networks that were trained to the end."""
        return self._whole(self.accuracies) | self.last

    def _whole(self, accuracies: dict[Choice, float]) -> dict[Choice, float]:
        if self.trainings is None:
            return accuracies
        return {choice: accuracy for choice, accuracy in accuracies.items() if self.trainings.is_whole(choice)}

    @override
    def search(self, ask: Ask, random: torch.Generator) -> Choice:
        most = self.judgements
        ask.new(partial(self.draw, random), min(self.settings.initial, most))
        while len(ask.accuracies) < most and (choice := self._proposed(ask, random)) is not None:
            ask(choice)
        return best_of(self._whole(ask.accuracies), 1)[0]

    @override
    def expected(self, found: Choice, ask: Ask) -> Choice:
        """What the posterior mean makes best, however few were judged: the model that proposed also chooses."""
        best = self.additive.best(self.additive.posterior(ask.accuracies).mean)
        if self.trainings is None:
            ask(best)
        elif best not in self._whole(ask.accuracies) and best not in self.last:
            self.last[best] = self.evaluate.from_scratch(best, self.settings.judge_epochs)
        return best

    def _proposed(self, ask: Ask, random: torch.Generator) -> Choice | None:
        """What a draw makes best, or its best neighbour, or a random one: the first that is not known; ``None`` if none is left."""
        posterior = self.additive.posterior(ask.accuracies)
        for _ in range(DRAWS):
            gains = posterior.draw(random)
            if (drawn := self.additive.best(gains)) not in ask.accuracies:
                return drawn
        if near := [choice for choice in self.space.neighbours(drawn) if choice not in ask.accuracies]:
            worth = [layer.tolist() for layer in self.additive.layers(gains)]
            return max(near, key=lambda choice: sum(worth[i][j] for i, kept in enumerate(choice) for j in kept))
        return ask.unknown(partial(self.draw, random))

    @override
    def scores(self) -> list[torch.Tensor]:
        """The posterior mean of each direction's gain, in accuracy; 0 before the search.

        Where a layer keeps a fixed number, that is over the mean of the layer's candidates.
        """
        if not self.accuracies:
            return [torch.zeros(len(layer.candidates), dtype=torch.float64) for layer in self.space]
        return self.additive.layers(self.additive.posterior(self.accuracies).mean)

    @override
    def state_dict(self) -> dict[str, Any]:
        """Where trainings may end early, also what was reported of those that are done, and the last judgement."""
        state = super().state_dict()
        if self.trainings is None:
            return state
        done = {choice: self.trainings.reports[choice] for choice in self.accuracies}
        return {**state, "reports": self.memory.state_of_reports(done), "last": self.memory.state(self.last)}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        if self.trainings is None:
            return
        self.last = self.memory.restored(state["last"], "the last judgement")
        reports = self.memory.restored_reports(state["reports"], self.settings.judge_epochs)
        if reports.keys() != self.accuracies.keys():
            raise ValueError("the reports are not those of the genotypes that were judged")
        self.trainings = self._trainings(reports)

    @override
    def final_diagnostics(self) -> dict[str, float]:
        """Posterior standard deviations of the gains, as ``scores`` tells them, and that of the noise."""
        posterior = self.additive.posterior(self.accuracies)
        sizes = [(len(layer.candidates), layer.least == layer.most) for layer in self.space]
        prior = [torch.full((size,), 1 - fixed / size, dtype=torch.float64) for size, fixed in sizes]
        deviations = posterior.deviations(torch.cat(prior)).tolist()
        names = [f"sd {number} {name}" for number, layer in enumerate(self.space) for name in layer.candidates]
        return {"noise": posterior.noise, **dict(zip(names, deviations, strict=True))}
