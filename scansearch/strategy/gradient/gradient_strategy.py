"""What the gradient strategies share: when alpha learns, from what, and how the kept directions come out of it.

A strategy of this family is one function from alpha to the selections of the layers (``mixture``), and one from alpha to
scores. The rest is options that work with all of them: the level (joint, bilevel, unrolled), a time in which alpha stands
still, regularisers (``strategy/gradient/regularise.py``), stopping on the curvature (``strategy/gradient/curvature.py``), and how the
directions are selected in the end (``strategy/gradient/derive.py``).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from scansearch.errors import ScansearchError
from scansearch.lazy import torch
from scansearch.models import Selection
from scansearch.space import BoundSpace, Choice
from scansearch.space.bound_space import Threshold
from scansearch.strategy.gradient.curvature import BATCHES, Curvature
from scansearch.strategy.gradient.derive import Derivation
from scansearch.strategy.gradient.gradient_settings import BILEVEL, JOINT, LARGEST_SHORT_RATE, GradientSettings, Recipe
from scansearch.strategy.gradient.narrow import narrowed_alpha, narrowed_selection
from scansearch.strategy.gradient.regularise import Regulariser
from scansearch.strategy.gradient.unrolled import plain_sgd, unrolled_gradient
from scansearch.strategy.hooks import Judge
from scansearch.strategy.sandwich import StudentDraws
from scansearch.strategy.step import Batch, Distillation, Plan, Step
from scansearch.strategy.strategy import Strategy
from scansearch.strategy.traits import Traits
from scansearch.training.optimizer_state import load_optimizer, set_lr

if TYPE_CHECKING:
    from scansearch.models import Supernet
    from scansearch.runs.tables import MetricsRow

LEARNT = 0.95
"""Share of the training images that are right before alpha begins, from which on searches of planted problems miss (docs/evidence.md)."""
LATE = "alpha begins in the next epoch, but the weights have learnt"
"""How the warning of that begins."""
LEAST_SHARE = 1e-12
"""Of a branch in a sub-network: where the mixture has none of its branches, they are equal."""


class GradientStrategy(Strategy):
    """Base of strategies that learn alpha by gradients."""

    score_name = "probability"
    Settings = GradientSettings
    settings: GradientSettings
    recipes: ClassVar[dict[str, Recipe]] = {"joint": JOINT, "bilevel": BILEVEL, "unrolled": BILEVEL}
    draws: ClassVar[bool] = False
    """Whether ``mixture`` draws branches at random instead of weighing all of them."""
    sums_to_one: ClassVar[bool] = True
    """Whether the branch weights of a layer's ``mixture`` do."""
    standstill: ClassVar[str] = "alpha_warmup"
    """The settings that make alpha begin later, in words."""
    narrowed: Choice | None = None
    """What selection by perturbation has left of each layer; ``None`` before it begins."""

    @abstractmethod
    def mixture(self, alphas: Sequence[torch.Tensor], step: int) -> list[Selection]:
        """The selections of the layers, differentiable in ``alphas``, each of shape (N,)."""

    def relaxed(self, alphas: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Scores (N,) of each layer, differentiable in its alpha (N,): by default the softmax."""
        return [alpha.softmax(0) for alpha in alphas]

    def remaining(self) -> Choice:
        """The candidates that take part in each layer's mixture: by default all, or what selection by perturbation has left."""
        return self.narrowed or tuple(tuple(range(len(layer.candidates))) for layer in self.space)

    def penalty(self, alphas: Sequence[torch.Tensor]) -> torch.Tensor | None:
        """What a strategy adds to alpha's loss; ``None`` for nothing."""
        return None

    @property
    @override
    def traits(self) -> Traits:
        settings = self.settings
        known = Traits(
            held_out_share=0.0 if settings.level == "joint" else settings.held_out,
            gradual=settings.selection == "magnitude",
        )
        if not hasattr(self, "derivation"):  # what it costs to select depends on the layers, and they come with setup
            return known
        return known._replace(judgements=self.derivation.judgements, tunings=self.derivation.tunings)

    @property
    @override
    def stopped(self) -> str:
        if self.settings.curvature != "stop" or self.curvature is None or not self.curvature.sharpened:
            return ""
        return f"the curvature in alpha has grown by more than 30 %; alpha is that of epoch {self.curvature.earlier}"

    @override
    def train_defaults(self) -> dict[str, Any]:
        """The virtual step of ``unrolled`` is one of SGD (Liu et al.); the other levels take the general defaults."""
        if self.settings.level != "unrolled":
            return {}
        return {"optimizer": "sgd", "lr": 0.025, "min_lr": 0.001, "weight_decay": 3e-4, "clip_norm": 5.0}

    @override
    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        super().setup(supernet, space, plan)
        settings, recipe = self.settings, self.recipes[self.settings.level]
        for option, off in (("perturb", "none"), ("curvature", "off")):
            if self.draws and (value := getattr(settings, option)) != off:
                raise ScansearchError(
                    f"{option}={value} needs a loss that is smooth in the weights of all branches, but this strategy draws some at "
                    f"random; leave it {off}, or take darts"
                )
        self.moving = sum(map(self.moves, range(plan.steps)))
        short = max(recipe.rate, min(recipe.rate * recipe.updates / max(1, self.moving), LARGEST_SHORT_RATE))
        self.rate = settings.alpha_lr or short
        wanted, joint = settings.alpha_weight_decay, settings.level == "joint"
        decay = wanted if wanted is not None else (0.0 if joint else recipe.decay)
        kind = torch.optim.AdamW if joint else torch.optim.Adam
        self.optimizer = kind(supernet.architecture_parameters(), lr=self.rate, betas=recipe.betas, weight_decay=decay)
        self.regulariser = Regulariser(settings, plan, supernet, sums_to_one=self.sums_to_one)
        self.students, tuning = StudentDraws(space), round(settings.tuning * plan.steps)
        by = settings.perturbation_by
        self.derivation = Derivation(settings.selection, settings.judged, space, plan.seed, tuning, by)
        self.curvature = Curvature(plan.epochs, 0.0 if joint else decay) if settings.curvature != "off" else None
        if settings.curvature == "stop" and self.curvature is not None and plan.epochs <= self.curvature.first:
            raise ScansearchError(
                f"curvature=stop compares windows of epochs and needs at least {self.curvature.first + 1}, but the search has "
                f"{plan.epochs}; take more epochs, or curvature=measure"
            )

    @override
    def notes(self) -> list[str]:
        """A warning if alpha never learns."""
        if self.moving:
            return []
        return [
            f"alpha stands still in all {self.plan.steps} updates of this search: the choice is that of its random start"
        ]

    @property
    def threshold(self) -> Threshold:
        """Score above which a layer keeps more than its least number of directions; ``None``: the mean of its scores."""
        return None

    def alphas(self) -> list[torch.Tensor]:
        """Alpha of each layer, (N,), differentiable; no gradient reaches that of what selection by perturbation has left out."""
        alphas = [alpha.flatten() for alpha in self.supernet.architecture_parameters()]
        return alphas if self.narrowed is None else list(map(narrowed_alpha, alphas, self.narrowed))

    def current(self, step: int) -> list[Selection]:
        """The mixture at a step, of what is left."""
        mixture = self.mixture(self.alphas(), step)
        if self.narrowed is None:
            return mixture
        return list(map(partial(narrowed_selection, sums_to_one=self.sums_to_one), mixture, self.narrowed))

    def moves(self, step: int) -> bool:
        """Whether alpha learns in this step."""
        return step >= round(self.settings.alpha_warmup * self.plan.steps)

    @cached_property
    def first_move(self) -> int | None:
        """The step in which alpha begins to learn; ``None`` if it never does."""
        return next(filter(self.moves, range(self.plan.steps)), None)

    @override
    def select(self, step: int) -> list[Selection]:
        """What the weights learn from: the mixture, perturbed and with a shortcut where asked for."""
        return self.regulariser.apply(self.current(step), step)

    @override
    def evaluation(self) -> list[Selection]:
        """The mixture alone, without perturbation or shortcut; it must not draw: then the directions that would be kept now."""
        return self.derived(self.choose()) if self.draws else self.current(0)

    @override
    def before_weights(self, step: Step) -> None:
        """Bilevel and unrolled: one step of alpha on the held-out batch. Then the worst perturbation, if asked for."""
        if self.settings.level == "unrolled":
            plain_sgd(step.optimizer)  # in the first step, not when alpha has stood still long enough
        if self.settings.level != "joint" and self.moves(step.number):
            for alpha, gradient in zip(
                self.supernet.architecture_parameters(), self.alpha_gradients(step), strict=True
            ):
                alpha.grad = gradient
            self._penalise()
            self.optimizer.step()
            self.optimizer.zero_grad()
        self.regulariser.before(step, lambda: self.current(step.number))

    def alpha_selections(self, step: int) -> list[Selection]:
        """What alpha learns from: the mixture, with a shortcut where asked for, unperturbed."""
        return self.regulariser.with_shortcut(self.current(step), step)

    def alpha_gradients(self, step: Step) -> list[torch.Tensor]:
        """Gradients of the held-out loss in alpha, shaped like alpha."""
        alphas = self.supernet.architecture_parameters()
        if step.held_out is None:
            raise ScansearchError(f"level {self.settings.level} needs held-out data, but the loop gave none")
        if self.settings.level == "unrolled":
            weights = [p for _, p in self.supernet.weight_parameters()]
            return step.mean(unrolled_gradient(step, lambda: self.alpha_selections(step.number), alphas, weights))
        return step.mean(torch.autograd.grad(self._alpha_loss(step, step.held_out), alphas))

    def _alpha_loss(self, step: Step, batch: Batch) -> torch.Tensor:
        return step.raw_loss(batch, self.alpha_selections(step.number))

    @override
    def after_backward(self, step: Step) -> None:
        """Joint: alpha moves by the gradient of the weights' own loss, on their schedule; otherwise it is dropped."""
        if self.settings.level == "joint" and self.moves(step.number):
            self._penalise()
            set_lr(self.optimizer, self.rate * step.schedule)
            self.optimizer.step()
        self.optimizer.zero_grad()

    def _penalise(self) -> None:
        terms = [self.penalty(self.alphas()), self.regulariser.penalty(self.relaxed(self.alphas()))]
        alphas = self.supernet.architecture_parameters()
        for term in terms:
            if term is None:
                continue
            # Not term.backward(): DDP, which has run the held-out batch, would wait for the weights' gradients.
            for alpha, gradient in zip(alphas, torch.autograd.grad(term, alphas), strict=True):
                alpha.grad = gradient if alpha.grad is None else alpha.grad + gradient

    @override
    def after_epoch(self, step: Step) -> None:
        if self.curvature is None:
            return
        losses = [partial(self._alpha_loss, step, batch) for batch in step.recent(BATCHES)]
        self.curvature.measure(self.supernet.architecture_parameters(), losses, step.mean)

    @override
    def remarks(self, step: Step, epoch: MetricsRow) -> list[str]:
        """A warning if the weights have learnt the training images when alpha is about to begin for the first time.

        Not where every pixel has a class: there the background alone is nearly all that is right.
        """
        if epoch.train_accuracy < LEARNT or epoch.measure == "mean_iou":
            return []
        first = self.first_move
        if first is None or not step.number < first <= step.number + self.plan.steps_per_epoch:
            return []
        return [
            f"{LATE} {epoch.train_accuracy:.0%} of the training images already, so that little is left by which to tell directions "
            f"apart; with a smaller {self.standstill} alpha begins earlier (docs/troubleshooting.md)"
        ]

    @override
    def diagnostics(self) -> dict[str, float]:
        return {} if self.curvature is None else {"curvature": self.curvature.values[-1]}

    def kept_scores(self, choice: Choice) -> list[torch.Tensor]:
        """The scores of the kept candidates of each layer, (k,), of which no gradient is taken."""
        scores = self.relaxed([alpha.detach() for alpha in self.alphas()])
        return [score[list(kept)] for score, kept in zip(scores, choice, strict=True)]

    @override
    def derived(self, choice: Choice) -> list[Selection]:
        """The branches in the proportions that the mixture has trained, scaled to the sum 1; equal ones where draws ran so."""
        if self.draws:
            return super().derived(choice)
        shares = [score.clamp_min(LEAST_SHARE) for score in self.kept_scores(choice)]
        return [Selection(kept, share / share.sum()) for kept, share in zip(choice, shares, strict=True)]

    @override
    def distillation(self, selections: Sequence[Selection]) -> Distillation | None:
        """The sandwich rule: the mixture teaches, or all branches equally weighted where the mixture is a draw."""
        if not self.settings.sandwich:
            return None
        students = [
            [student._replace(part=own.part) for student, own in zip(self.derived(choice), selections, strict=True)]
            for choice in self.students.draw(self.settings.sandwich, self.remaining())
        ]
        return Distillation(students, super().derived(self.remaining()) if self.draws else None)

    @override
    def finish(self, evaluate: Judge) -> None:
        """Goes back where the curvature says so, and selects."""
        if self.curvature is not None and self.stopped:
            self.curvature.roll_back(self.supernet.architecture_parameters())
        self.narrowed = None
        self.derivation.run(self.remaining(), self.scores, self.derived, evaluate, self.threshold, self.narrow)

    def narrow(self, left: Choice) -> None:
        """From now on only these candidates take part."""
        self.narrowed = left

    @override
    def scores(self) -> list[torch.Tensor]:
        return self.relaxed([alpha.detach().double().cpu() for alpha in self.alphas()])

    @override
    def choose(self) -> Choice:
        """What the selection of the end found; before it, the best scores."""
        return self.derivation.chosen or self.by_score()

    def by_score(self) -> Choice:
        """The best by score that the space allows."""
        return self.space.best(self.scores(), threshold=self.threshold, among=self.remaining())

    @override
    def judged_genotypes(self) -> dict[Choice, float]:
        return self.derivation.judged_genotypes()

    @override
    def alpha_lr(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    @override
    def state_dict(self) -> dict[str, Any]:
        """Alpha is in the supernet; here is everything else."""
        state = {"optimizer": self.optimizer.state_dict(), "derivation": self.derivation.state_dict()}
        return state if self.curvature is None else {**state, "curvature": self.curvature.state_dict()}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        load_optimizer(self.optimizer, state["optimizer"])
        self.derivation.load_state_dict(state["derivation"])
        if self.curvature is not None:
            self.curvature.load_state_dict(state["curvature"], self.supernet.architecture_parameters())
