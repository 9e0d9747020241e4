"""A supernet small enough to reason about, and steps to drive strategies with."""

import torch
from torch import nn

from scansearch.models import Supernet
from scansearch.registry import STRATEGIES
from scansearch.space import SearchSpace
from scansearch.strategy.step import Batch, Plan, Step
from scansearch.training.evaluate import Measured

NAMES = ("h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w3", "w3_flip")


class ToySupernet(Supernet):
    """Logits = a linear map of the image, scaled by what each layer's branches give: branch j gives ``gains[j]``."""

    def __init__(self, layers=2, count=4, gains=None):
        super().__init__()
        self.candidates = [NAMES[:count]] * layers
        self.alphas = nn.ParameterList(nn.Parameter(torch.zeros(count, 1, 1, 1)) for _ in range(layers))
        self.register_buffer("gains", torch.tensor(gains or [float(i) for i in range(count)]))
        self.readout = nn.Linear(4, 3)
        self.calls = []

    def forward(self, images, selections):
        self.calls.append(selections)
        scale = images.new_zeros(())
        for selection in selections:
            weights = torch.ones(len(selection.indices)) if selection.weights is None else selection.weights
            scale = scale + (weights * self.gains[list(selection.indices)]).sum()
        return self.readout(images.flatten(1)) * scale

    def architecture_parameters(self):
        return list(self.alphas)

    def no_weight_decay(self):
        return set()


def space(count=4, keep=2, layers=2, **more):
    return SearchSpace(name="toy", candidates=NAMES[:count], keep=keep, **more).bind([(6, 6)] * layers)


def strategy(name, supernet=None, bound=None, plan=Plan(10, 10, 0), **settings):  # noqa: B008 (frozen)
    torch.manual_seed(0)
    kind = STRATEGIES.get(name)
    made = kind(kind.Settings(**settings))
    made.setup(supernet or ToySupernet(), bound or space(), plan)
    return made


def step(supernet, number=0, schedule=1.0):
    generator = torch.Generator().manual_seed(number)
    batches = [
        Batch(torch.randn(5, 1, 2, 2, generator=generator), torch.randint(3, (5,), generator=generator)) for _ in "ab"
    ]

    def loss(batch, selections):
        return nn.functional.cross_entropy(supernet(batch.images, selections), batch.targets)

    return Step(
        number=number,
        schedule=schedule,
        train=batches[0],
        make_held_out=lambda: batches[1],
        loss=loss,
        raw_loss=loss,
        recent=lambda count: batches[1:],
        optimizer=torch.optim.SGD(supernet.readout.parameters(), lr=0.1),
        backward=lambda loss: loss.backward(),
    )


def set_alpha(supernet, *layers):
    with torch.no_grad():
        for alpha, values in zip(supernet.alphas, layers, strict=True):
            alpha.copy_(torch.tensor(values, dtype=torch.float32).view_as(alpha))


class Oracle:
    """A judge that asks functions of the selections: the accuracy, and the loss, 1 - accuracy unless it is given."""

    def __init__(self, accuracy, loss=None):
        self.accuracy, self.loss = accuracy, loss or (lambda selections: 1 - accuracy(selections))
        self.asked, self.tuned = [], []

    def measure(self, selections):
        self.asked.append(selections)
        return Measured(self.loss(selections), self.accuracy(selections))

    def tune(self, updates):
        self.tuned.append(updates)
