"""What the strategies share that judge whole genotypes: a supernet trained by sampling, and a memory of what was judged.

What is trained, and what a search begins with, is drawn uniformly; under a budget evenly over costs, or nearly all of it would
cost as much as the budget allows. A strategy of this family is one function, ``search``, that asks for accuracies and names the
best genotype. They come from the supernet's weights, or from networks that are trained from scratch for a few epochs; then no
supernet is trained at all. An interrupted search runs again from its seed and meets the accuracies it knows.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator
from typing_extensions import override

from scansearch.lazy import torch
from scansearch.models import Selection
from scansearch.runs.limits import MOST_EPOCHS
from scansearch.space import BoundSpace, Choice, usual_draws
from scansearch.strategy.black_box.additive import Additive
from scansearch.strategy.black_box.ask import Ask, best_of
from scansearch.strategy.hooks import Judge
from scansearch.strategy.judged_genotypes import Judged, choice_of
from scansearch.strategy.sandwich import SandwichSettings, StudentDraws
from scansearch.strategy.step import Distillation, Plan
from scansearch.strategy.strategy import Strategy
from scansearch.strategy.traits import Traits

if TYPE_CHECKING:
    from scansearch.models import Supernet

TOP = 10
Pick = Literal["judged", "expected"]
PICK = (
    "What is kept. judged: the most accurate genotype that was judged; expected: the one that should be best by what each direction "
    "gained in all that were judged, once there are more of these than gains."
)


class BlackBoxSettings(SandwichSettings):
    """Settings that all strategies of this family have."""

    judge: Literal["supernet", "training"] = Field(
        "supernet",
        description="Who judges: a supernet, trained once, or the training of each network from scratch, for a few epochs.",
    )
    judge_epochs: int = Field(3, ge=1, le=MOST_EPOCHS, description="Epochs that judge=training trains each network.")
    pick: Pick = Field("judged", description=PICK)

    @model_validator(mode="after")
    def _sandwich_needs_a_supernet(self) -> BlackBoxSettings:
        if self.sandwich and self.judge == "training":
            raise ValueError(
                f"sandwich={self.sandwich} trains a supernet, but judge=training needs none; leave one of them out"
            )
        return self


class BlackBox(Strategy):
    """Trains drawn sub-networks, then judges genotypes."""

    score_name = "share of the best"
    Settings = BlackBoxSettings
    settings: BlackBoxSettings
    best: Choice
    draw: Callable[[torch.Generator | None], Choice]
    """Draws a genotype: uniformly, or under a budget evenly over costs."""

    @property
    @override
    def traits(self) -> Traits:
        """Everything is chosen after training, and no supernet is trained if every network is trained from scratch."""
        judgements = self.judgements + (self.settings.pick == "expected")
        return Traits(gradual=False, trains_supernet=self.settings.judge == "supernet", judgements=judgements)

    @property
    @abstractmethod
    def judgements(self) -> int:
        """How many genotypes ``search`` judges at most."""

    @override
    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        """Draws the genotype whose accuracy is reported while training; nothing is chosen yet."""
        super().setup(supernet, space, plan)
        self.draw = usual_draws(space)
        self.best = space.sample(torch.Generator().manual_seed(plan.seed))
        self.accuracies: dict[Choice, float] = {}
        self.additive = Additive(space)
        self.memory, self.students = Judged(space), StudentDraws(space)

    @override
    def notes(self) -> list[str]:
        """A warning if there is batch normalisation."""
        kind = torch.nn.modules.batchnorm._BatchNorm
        if not any(isinstance(module, kind) for module in self.supernet.modules()):
            return []
        return ["this supernet has batch normalisation: genotypes are judged with running statistics that mix them all"]

    @override
    def select(self, step: int) -> list[Selection]:
        """A drawn genotype; its branches are added up as in the derived network."""
        return self.derived(self.draw(None))

    @override
    def distillation(self, selections: Sequence[Selection]) -> Distillation | None:
        """The sandwich rule: all branches teach."""
        if not self.settings.sandwich:
            return None
        students = map(self.derived, self.students.draw(self.settings.sandwich))
        return Distillation(list(students), [Selection(tuple(range(len(layer.candidates)))) for layer in self.space])

    @override
    def derived(self, choice: Choice) -> list[Selection]:
        """The plain sum of the branches: the derived network itself."""
        return [Selection(kept) for kept in choice]

    @override
    def evaluation(self) -> list[Selection]:
        """The best genotype, or before the search one that was drawn once."""
        return self.derived(self.best)

    @abstractmethod
    def search(self, ask: Ask, random: torch.Generator) -> Choice:
        """Finds the best genotype.

        Args:
            ask: Gives the accuracy of a genotype, in [0, 1]; the same genotype is judged once.
            random: Where random numbers come from: the same ones after an interruption.
        """

    @override
    def finish(self, evaluate: Judge) -> None:
        ask = Ask(partial(self.judged, evaluate=evaluate), self.accuracies, self.space.size)
        found = self.search(ask, torch.Generator().manual_seed(self.plan.seed + 1))
        self.best = found if self.settings.pick == "judged" else self.expected(found, ask)

    def expected(self, found: Choice, ask: Ask) -> Choice:
        """What should be best by the gains of single directions; it is judged, too.

        The most accurate of many is flattered by the noise of its own judgement, and a supernet's accuracies differ for reasons that
        do not outlast it, such as which directions were trained together. A mean over all genotypes with a direction has less of both.
        ``found`` stays where fewer were judged than there are gains, or where the sum misleads: what it makes best is less accurate
        by more than twice the noise of the model.

        Args:
            found: What ``search`` found.
            ask: What was judged.
        """
        judged = dict(ask.accuracies)
        if len(judged) <= self.additive.unknowns:
            return found
        posterior = self.additive.posterior(judged)
        best = self.additive.best(posterior.mean)
        self.accuracies[best] = ask(best)
        return best if self.accuracies[best] >= judged[found] - 2 * posterior.noise else found

    def judged(self, choice: Choice, evaluate: Judge) -> float:
        """The accuracy of a genotype, by whoever judges."""
        if self.settings.judge == "training":
            return evaluate.from_scratch(choice, self.settings.judge_epochs)
        return evaluate(self.derived(choice))

    @override
    def scores(self) -> list[torch.Tensor]:
        """Each candidate's share among those that the best ten genotypes keep; uniform before the search."""
        sizes = [len(layer.candidates) for layer in self.space]
        if not self.accuracies:
            return [torch.full((n,), 1 / n, dtype=torch.float64) for n in sizes]
        top = [self.space.encode(choice) for choice in best_of(self.accuracies, self.top)]
        counts = torch.from_numpy(sum(top[1:], start=top[0]))
        return [part / part.sum() for part in counts.split(sizes)]

    @override
    def judged_genotypes(self) -> dict[Choice, float]:
        """All that it asked for, on all validation images."""
        return self.accuracies

    @property
    def top(self) -> int:
        """How many of the best genotypes count for the scores."""
        return TOP

    @override
    def choose(self) -> Choice:
        return self.best

    @override
    def state_dict(self) -> dict[str, Any]:
        """The accuracies so far: each cost a pass over validation images."""
        return {"best": self.best, "accuracies": self.memory.state(self.accuracies)}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back the accuracies.

        Raises:
            ValueError: If they are not those of genotypes of the space.
        """
        self.best = choice_of(state["best"], self.space, "the best genotype")
        self.accuracies = self.memory.restored(state["accuracies"], "the memory of genotypes")


def one_of(choices: list[Choice], random: torch.Generator) -> Choice:
    """One of them, drawn uniformly."""
    return choices[int(torch.randint(len(choices), (), generator=random))]
