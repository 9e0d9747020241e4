"""Networks that are written as plain PyTorch files, and the files as modules."""

from __future__ import annotations

import importlib.util

import torch

from scansearch.export.derived import DerivedNetwork
from scansearch.export.plain_torch import PLAIN
from scansearch.genotype import Genotype

DIRECTIONS = [["h", "v_flip", "w2"], ["h_flip", "w3", "w3_flip", "v"]]
TINY = {"embed_dim": 8, "depth": 2, "d_state": 3}


def derived(size=(6, 6), directions=DIRECTIONS, seed=0, **options):
    """A LocalVim."""
    options = {**TINY, "patch_size": 1, **options, "depth": len(directions)}
    return drawn("local_vim_nano", size, directions, seed, **options)


def drawn(model, size, directions=DIRECTIONS, seed=0, **options):
    """A network of any model, with weights of which none is 0 or 1."""
    torch.manual_seed(seed)
    shape = {"height": size[0], "width": size[1], "channels": 2, "classes": 5}
    genotype = Genotype.from_directions(directions, model=model, options=options, shape=shape)
    network = DerivedNetwork(genotype, title="a run")
    weights = {name: value + 0.1 * torch.randn_like(value) for name, value in network.build().state_dict().items()}
    rotary = {name: value for name, value in network.build().state_dict().items() if name.startswith("rope.")}
    return DerivedNetwork(genotype, weights={**weights, **rotary}, title="a run")


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exported(network, folder):
    return load(PLAIN.write(network, folder)[0])


def check_same(network, folder, names=True):
    """Checks that the file gives our logits and gradients, in float64; those of the weights by their published ``names``."""
    ours, theirs = network.build().double(), exported(network, folder).build().double()
    images = torch.randn(3, 2, *network.shape.size, dtype=torch.float64, requires_grad=True)
    logits = [net(images) for net in (ours, theirs)]
    torch.testing.assert_close(logits[1], logits[0], rtol=1e-5, atol=1e-9)
    gradients = [
        torch.autograd.grad(found.square().sum(), [images, *net.parameters()])
        for found, net in zip(logits, (ours, theirs), strict=True)
    ]
    torch.testing.assert_close(gradients[1][0], gradients[0][0], rtol=1e-5, atol=1e-9)
    if not names:
        return
    named = dict(zip([name for name, _ in theirs.named_parameters()], gradients[1][1:], strict=True))
    with torch.no_grad():
        for p, gradient in zip(ours.parameters(), gradients[0][1:], strict=True):
            p.copy_(gradient)
    wanted = network.spec.official_state_dict(ours)
    for name, gradient in named.items():
        torch.testing.assert_close(gradient, wanted[name], rtol=1e-5, atol=1e-8, msg=name)
