"""A run folder of two layers and three epochs, with the genotype that it ended in."""

from __future__ import annotations

import pytest

from scansearch.figures.sources import RunSource
from scansearch.genotype import Genotype

METRICS = """\
epoch,step,train_loss,train_accuracy,val_loss,val_accuracy,worth,measure,lr,alpha_lr,entropy,margin,genotype_changes
1,10,2.3,0.12,2.2,0.26,0.26,accuracy,0.001,0.01,1,0.001,3
2,20,1.9,0.41,1.7,0.58,0.58,accuracy,0.001,0.01,0.99,0.01,1
3,30,1.4,0.66,1.1,0.81,0.81,accuracy,0.001,0.01,0.97,0.02,0
"""
GENOTYPES = """\
number,worth,measure,cost,unit,front,directions
1,0.5,accuracy,3,directions,1,h; v w2
2,0.7,accuracy,4,directions,1,h h_flip; v w2
3,0.6,accuracy,4,directions,0,h w2; v w2
"""
NAMES = ["h", "h_flip", "v", "w2"]
# Probabilities by epoch, layer and direction.
SCORES = [
    [[0.26, 0.25, 0.25, 0.24], [0.25, 0.25, 0.26, 0.24]],
    [[0.30, 0.20, 0.28, 0.22], [0.20, 0.24, 0.32, 0.24]],
    [[0.36, 0.14, 0.30, 0.20], [0.10, 0.22, 0.40, 0.28]],
]
KEPT = [["h", "v"], ["v", "w2"]]


def scores_csv() -> str:
    lines = ["epoch,layer,direction,score,kept"]
    for epoch, layers in enumerate(SCORES, start=1):
        for layer, values in enumerate(layers):
            for name, value in zip(NAMES, values, strict=True):
                lines.append(f"{epoch},{layer},{name},{value},{int(name in KEPT[layer])}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def genotype() -> Genotype:
    layers = [
        {"grid": [4, 4], "directions": kept, "scores": dict(zip(NAMES, values, strict=True)), "settled": clear}
        for kept, values, clear in zip(KEPT, SCORES[-1], (True, False), strict=True)
    ]
    space = {"name": "four", "candidates": NAMES, "keep": 2}
    return Genotype.from_dict({"model": "local_vim_nano", "space": space, "layers": layers})


@pytest.fixture
def run(tmp_path, genotype):
    folder = tmp_path / "first $run$"  # a title is no formula
    folder.mkdir()
    (folder / "metrics.csv").write_text(METRICS)
    (folder / "layers.csv").write_text("epoch,layer,entropy,margin,changes\n1,0,1,0.1,0\n")
    (folder / "scores.csv").write_text(scores_csv())
    (folder / "genotypes.csv").write_text(GENOTYPES)
    genotype.save(folder / "genotype.json")
    return folder


@pytest.fixture
def source(run) -> RunSource:
    return RunSource.open(run)
