"""Search by NNI's tuners, in this process: TPE or random. No web service is started, and nothing is written.

Its evolution tuner cannot be given a seed, so that it could never be repeated: take ``evolution``.

NNI 3.0 is archived, and an extra: ``pip install "scansearch[nni]"``. The supernet is trained by drawn genotypes and
judges; or each network is trained from scratch. Proposals beyond a budget or the constraints are moved to the nearest genotype that
the space allows; instead of one that was judged, a genotype near it is judged, and told to the tuner.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field
from typing_extensions import override

from scansearch.errors import BackendUnavailableError
from scansearch.runs.limits import MOST_JUDGED
from scansearch.space import BoundSpace, Choice, views
from scansearch.strategy import Plan
from scansearch.strategy.black_box import Ask, BlackBox, BlackBoxSettings
from scansearch.strategy.black_box.near import near

if TYPE_CHECKING:
    import torch

    from scansearch.models import Supernet

TUNERS: dict[str, tuple[str, str, dict[str, str]]] = {
    "tpe": ("nni.algorithms.hpo.tpe_tuner", "TpeTuner", {"optimize_mode": "maximize"}),
    "random": ("nni.algorithms.hpo.random_tuner", "RandomTuner", {}),
}
"""Module, class, and what it is told besides the seed."""


class NniSettings(BlackBoxSettings):
    """Settings of the search by NNI."""

    tuner: Literal["tpe", "random"] = Field("tpe", description="NNI's tuner.")
    trials: int = Field(200, ge=1, le=MOST_JUDGED, description="Genotypes to judge.")


class NniSearch(BlackBox):
    """Lets a tuner of NNI propose genotypes."""

    description = "NNI's tuners propose genotypes (extra nni): TPE, random"
    when = "you compare with results that NNI's tuners found"
    Settings = NniSettings
    settings: NniSettings

    @property
    @override
    def judgements(self) -> int:
        return self.settings.trials

    @override
    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        """Looks for NNI before anything is trained."""
        super().setup(supernet, space, plan)
        self._tuner()

    @override
    def search(self, ask: Ask, random: torch.Generator) -> Choice:
        """Trial after trial; every run begins anew and meets the accuracies it knows."""
        tuner = self._tuner()
        tuner.update_search_space(views.nni_search_space(self.space))
        for number in range(self.settings.trials):
            try:
                values = tuner.generate_parameters(number)
            except self._no_more():
                break
            proposed = views.from_parameters(self.space, values)
            choice = near(self.space, proposed, ask.accuracies, random)
            accuracy = float(ask(choice))
            if choice == proposed:
                tuner.receive_trial_result(number, values, accuracy)
            else:
                told = views.to_parameters(self.space, choice, random)
                tuner.import_data([{"parameter": told, "value": accuracy}])
            tuner.trial_end(number, choice == proposed)
        return ask.best(1)[0]

    def _tuner(self) -> Any:
        module, name, options = TUNERS[self.settings.tuner]
        try:
            kind = getattr(importlib.import_module(module), name)
        except ImportError as error:
            raise BackendUnavailableError(
                f'strategy nni_search needs NNI, which cannot be imported ({error}); pip install "scansearch[nni]", or take '
                "optuna_search"
            ) from error
        logging.getLogger("nni").setLevel(logging.ERROR)  # it would write every proposal into the progress bar
        return kind(seed=self.plan.seed, **options)

    @staticmethod
    def _no_more() -> type[Exception]:
        error: type[Exception] = importlib.import_module("nni").NoMoreTrialError
        return error
