"""Strategies that other processes can import: some in order, and one for each way of breaking one."""

from __future__ import annotations

import random
from typing import Any, ClassVar

import torch
from pydantic import ConfigDict, Field

from scansearch.models import Selection, Supernet
from scansearch.runs.tables import MetricsRow
from scansearch.space import BoundSpace, Choice
from scansearch.strategy import Judge, Plan, Preset, Step, Strategy, StrategySettings, Traits


class SoundSettings(StrategySettings):
    hold: int = Field(2, ge=1, description="Steps that a draw lasts.")


class Sound(Strategy):
    """Draws genotypes; keeps what was drawn most often."""

    description = "draws genotypes and keeps what was drawn most often"
    Settings: ClassVar[type[StrategySettings]] = SoundSettings

    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        super().setup(supernet, space, plan)
        self.drawn: Choice = ()
        self.counts = [torch.zeros(len(layer.candidates), dtype=torch.float64) for layer in space]

    def select(self, step: int) -> list[Selection]:
        if step % self.settings.hold == 0:
            self.drawn = self.space.sample()
            for counts, kept in zip(self.counts, self.drawn, strict=True):
                counts[list(kept)] += 1
        return self.derived(self.drawn)

    def evaluation(self) -> list[Selection]:
        return self.derived(self.choose())

    def scores(self) -> list[torch.Tensor]:
        return [counts / counts.sum().clamp(min=1) for counts in self.counts]

    def state_dict(self) -> dict[str, Any]:
        return {"drawn": self.drawn, "counts": self.counts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.drawn, self.counts = tuple(map(tuple, state["drawn"])), state["counts"]


class Judging(Sound):
    """Also judges three genotypes in the end."""

    traits = Traits(judgements=3)

    def finish(self, evaluate: Judge) -> None:
        for _ in range(3):
            evaluate(self.derived(self.choose()))


class OwnOptimiser(Sound):
    """Alpha learns, by an optimiser of its own: that is in order."""

    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        super().setup(supernet, space, plan)
        self.optimizer = torch.optim.Adam(supernet.architecture_parameters(), lr=0.01)

    def select(self, step: int) -> list[Selection]:
        alphas = [alpha.flatten() for alpha in self.supernet.architecture_parameters()]
        return [Selection(tuple(range(len(alpha))), alpha.softmax(0)) for alpha in alphas]

    def after_backward(self, step: Step) -> None:
        self.optimizer.step()
        self.optimizer.zero_grad()

    def scores(self) -> list[torch.Tensor]:
        return [alpha.detach().flatten().double().softmax(0) for alpha in self.supernet.architecture_parameters()]

    def state_dict(self) -> dict[str, Any]:
        return self.optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state)


class Undescribed(Sound):
    description = ""


class BareSettings(StrategySettings):
    hold: int = 2


class Undocumented(Sound):
    Settings = BareSettings


class DemandingSettings(StrategySettings):
    hold: int = Field(description="Steps that a draw lasts.")


class Demanding(Sound):
    Settings = DemandingSettings


class LaxSettings(SoundSettings):
    model_config = ConfigDict(extra="ignore")


class Lax(Sound):
    Settings = LaxSettings


class LosingSettings(SoundSettings):
    extra: int | None = Field(3, description="None is not what a file leaves out.")


class Losing(Sound):
    Settings = LosingSettings


class UnknownPreset(Sound):
    presets: ClassVar[dict[str, Preset]] = {"paper": Preset({"strategy": {"hold": 3, "holt": 4}})}


class ChangesTraits(Sound):
    @property
    def traits(self) -> Traits:
        return Traits(gradual=not hasattr(self, "counts"))


class Failing(Sound):
    def derived(self, choice: Choice) -> list[Selection]:
        raise RuntimeError("no idea")


class Outside(Sound):
    def choose(self) -> Choice:
        return tuple((0, 1) for _ in self.space)


class Unsorted(Sound):
    def choose(self) -> Choice:
        return tuple(tuple(reversed(kept)) for kept in super().choose())


class Undecided(Sound):
    """Chooses another genotype whenever it is asked."""

    asked = 0

    def choose(self) -> Choice:
        self.asked += 1
        return self.space.best([torch.arange(len(counts)).roll(self.asked) for counts in self.counts])


class Drawing(Sound):
    """Evaluates a genotype that it draws."""

    def evaluation(self) -> list[Selection]:
        return self.derived(self.space.sample())


class NotANumber(Sound):
    def scores(self) -> list[torch.Tensor]:
        return [scores * float("nan") for scores in super().scores()]

    def choose(self) -> Choice:
        return self.space.best(self.counts)


class MovesWeights(OwnOptimiser):
    """Trains the weights on held-out data, too."""

    traits = Traits(held_out_share=0.5)

    def before_weights(self, step: Step) -> None:
        step.backward(step.loss(step.held_out, self.select(step.number)))
        step.optimizer.step()


class LearnsFromHeldOut(OwnOptimiser):
    """Adds gradients of held-out images to those of the weights."""

    traits = Traits(held_out_share=0.5)

    def after_backward(self, step: Step) -> None:
        step.backward(step.loss(step.held_out, self.select(step.number)))
        super().after_backward(step)


class RunsUnseen(Sound):
    """Adds gradients of all branches, by a loss that is not for that."""

    def after_backward(self, step: Step) -> None:
        every = [Selection(tuple(range(len(layer.candidates)))) for layer in self.space]
        step.backward(step.raw_loss(step.train, every))


class MovesWeightsAfterEpoch(Sound):
    def after_epoch(self, step: Step) -> None:
        step.optimizer.step()


class DrawsToRemark(Sound):
    def remarks(self, step: Step, epoch: MetricsRow) -> list[str]:
        return ["lucky"] * (float(torch.rand(())) > 1)


class MovesWeightsInTheEnd(Sound):
    def finish(self, evaluate: Judge) -> None:
        with torch.no_grad():
            next(weight for _, weight in self.supernet.weight_parameters()).add_(1.0)


class AlphaAmongWeights(OwnOptimiser):
    def after_backward(self, step: Step) -> None:
        if step.number == 0:
            step.optimizer.add_param_group({"params": self.supernet.architecture_parameters()})


class PlainAlpha(OwnOptimiser):
    """Learns a tensor that the supernet does not know."""

    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        alphas = [torch.zeros(len(layer.candidates), requires_grad=True) for layer in space]
        supernet.architecture_parameters = lambda: alphas
        super().setup(supernet, space, plan)


class OverwritesSettings(Sound):
    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        super().setup(supernet, space, plan)
        self.settings = self.settings.model_copy(update={"hold": 7})


class ReadsTest(Sound):
    def finish(self, evaluate: Judge) -> None:
        evaluate.loop.evaluate(self.derived(self.choose()), evaluate.loop.data.test)


class ReadsTestInSecret(Sound):
    def finish(self, evaluate: Judge) -> None:
        try:
            evaluate.loop.data.test.labels.sum()
        except Exception:
            self.counts[0] += 1


class JudgesTooMuch(Judging):
    traits = Traits(judgements=2)


class TunesTooMuch(Sound):
    traits = Traits(tunings=2)

    def finish(self, evaluate: Judge) -> None:
        evaluate.tune(3)


class SwallowsErrors(Judging):
    def finish(self, evaluate: Judge) -> None:
        for _ in range(3):
            try:
                evaluate(self.derived(self.choose()))
            except Exception:
                self.counts[0] *= 0.5


class Forgetful(Sound):
    """Saves what it drew, but not how often."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.drawn = tuple(map(tuple, state["drawn"]))


class CountsTwice(Judging):
    """Counts what it judges; cut off, it judges anew, but does not forget what it counted."""

    def finish(self, evaluate: Judge) -> None:
        for _ in range(3):
            evaluate(self.derived(self.choose()))
            self.counts[0] *= 0.5


class Unseeded(Sound):
    """Draws numbers that no seed decides."""

    def select(self, step: int) -> list[Selection]:
        self.counts[0][0] += random.random()
        return super().select(step)


class OfThisProcess(Sound):
    """Depends on the order of a set of strings, which changes from process to process."""

    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        super().setup(supernet, space, plan)
        self.counts[0] += torch.tensor([hash(name) % 1009 for name in space[0].candidates])


class OfThisRank(Sound):
    """Counts the bright pixels of its own part of the batch."""

    def after_backward(self, step: Step) -> None:
        self.counts[0][0] += float(step.train.images.sum())
