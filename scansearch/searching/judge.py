"""What a strategy asks after training: how good is this genotype?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scansearch.errors import InterruptedRunError
from scansearch.models import Selection
from scansearch.searching.loop import SearchLoop
from scansearch.space import Choice
from scansearch.strategy.hooks import Report
from scansearch.training.evaluate import Measured
from scansearch.training.interrupt import StopRequest

FromScratch = Callable[[Choice, int, int, StopRequest, Report | None], float]


class SearchJudge:
    """Gives validation accuracies, in dense tasks mean IoUs: with the supernet's weights, or of a network that is trained from scratch.

    Args:
        train: ``train(choice, epochs, seed, stop, report)`` trains the derived network of a genotype and gives its accuracy.
        loop: The search; its supernet judges.
        stop: Asked before every evaluation.
    """

    def __init__(self, train: FromScratch, loop: SearchLoop, stop: StopRequest) -> None:
        self.loop, self.train, self.stop = loop, train, stop
        self.asked = 0  # updates of fine-tuning, those before an interruption among them

    def __call__(self, selections: Sequence[Selection]) -> float:
        """Validation accuracy in [0, 1] of the supernet under these selections."""
        return self.measure(selections).worth

    def measure(self, selections: Sequence[Selection]) -> Measured:
        """The same with the loss."""
        self._save_if(self._due)
        found = self.loop.evaluate(selections)
        self._count(found.worth)
        return found

    def on(self, images: int, selections: Sequence[Selection]) -> float:
        """The same on so many validation images, evenly spaced: quicker, and rougher."""
        self._save_if(self._due)
        return self._count(self.loop.evaluate(selections, limit=images).worth)

    def from_scratch(self, choice: Choice, epochs: int, *, seed: int = 0, report: Report | None = None) -> float:
        """Validation accuracy in [0, 1] of the derived network, trained from scratch; see ``Judge``."""
        self._save_if(self.loop.judged > 0)
        try:
            return self._count(self.train(choice, epochs, seed, self.stop, report))
        except InterruptedRunError:  # it tells the steps of that training, not of the search
            where = f"while genotype {self.loop.judged + 1} of at most {self.loop.strategy.traits.judgements} was trained from scratch"
            self.stop.raise_if_asked(where, self.loop.folder.path, "that training begins again, all else is kept")
            raise

    def tune(self, updates: int) -> None:
        """Trains on by so many updates, as the strategy does; what was done before an interruption is not repeated."""
        self.asked += updates
        while self.loop.tuned < self.asked:
            due = self.loop.tuned > 0 and self.loop.tuned % self.loop.checkpoint_steps == 0
            self._save_and_stop(
                due, f"after update {self.loop.tuned} of {self.loop.strategy.traits.tunings} of fine-tuning"
            )
            self.loop.tune()
            self.loop.listener.tuned(self.loop.tuned, self.loop.strategy.traits.tunings)

    @property
    def _due(self) -> bool:
        """Asked before and not after an evaluation: only the strategy can store what it learns from it."""
        return self.loop.judged > 0 and self.loop.judged % self.loop.checkpoint_steps == 0

    def _save_if(self, due: bool) -> None:
        judged = f"after {self.loop.judged} of at most {self.loop.strategy.traits.judgements} genotypes were judged"
        self._save_and_stop(
            due, judged if self.loop.judged else f"after step {self.loop.step} of {self.loop.plan.steps}"
        )

    def _save_and_stop(self, due: bool, where: str) -> None:
        if self.stop.asked(self.loop.processes) or due:
            self.loop.save()
            self.stop.raise_if_asked(where, self.loop.folder.path)

    def _count(self, accuracy: float) -> float:
        self.loop.judged += 1
        self.loop.listener.judged(self.loop.judged, self.loop.strategy.traits.judgements, accuracy)
        return accuracy
