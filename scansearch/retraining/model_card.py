"""``model_card.md``: what a trained network is, what it was trained on and how, what it is worth, and how to load it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scansearch.files import write_text
from scansearch.lazy import torch
from scansearch.machine.environment import versions
from scansearch.models.weight_check import kind_of
from scansearch.runs.evaluation_json import Evaluation, Evaluations
from scansearch.runs.run import Run
from scansearch.runs.settings import TrainSettings
from scansearch.runs.tables import EPOCHS
from scansearch.runs.weights_file import NetworkFacts, read_network_file
from scansearch.shape import measure_text
from scansearch.text import one_line
from scansearch.training.parameter_groups import spared_weights

CARD = "model_card.md"
WORST = 3
"""So many of the classes that are classified worst are named."""


def write_card(folder: str | Path) -> Path:
    """Writes the card of a training that is done, with its latest evaluations.

    Raises:
        ScansearchError: If it is not done, or a file of it is damaged.
    """
    run = Run.open(folder)
    facts, _ = read_network_file(run.weights)
    assert facts is not None  # a run writes no other
    parameters = facts.spec.parameters(facts.directions, facts.shape)
    lines = [
        f"# {_said(facts.model)} trained on {_said(run.config.data.name)}",
        "",
        *_network(facts, parameters),
        *_training(run, facts),
        *_result(run),
        *_tests(Evaluations.of(run.path).evaluations),
        *_loading(run.path, facts),
    ]
    path = run.path / CARD
    write_text(path, "\n".join(lines) + "\n")
    return path


def _network(facts: NetworkFacts, parameters: int) -> list[str]:
    shape = facts.shape
    options = ", ".join(f"{name}={value}" for name, value in facts.options.items()) or "none"
    return [
        f"{'A class for every pixel' if shape.dense else 'An image classifier'}: {shape.channels} x {shape.height} x {shape.width} "
        f"pixels to {shape.classes} classes, "
        f"{parameters:,} parameters. Options that differ from the model's own: {_said(options)}.",
        "",
        "| layer | scan orders |",
        "|---|---|",
        *(f"| {number} | {' '.join(names)} |" for number, names in enumerate(facts.directions, 1)),
        "",
    ]


def _training(run: Run, facts: NetworkFacts) -> list[str]:
    config, train = run.config, run.config.train
    assert config.genotype is not None  # of a training
    begun = f"weights of {Path(config.inherit.source).name}" if config.inherit else "fresh weights"
    kept = f"an average of the weights (decay {train.ema:g})" if train.ema else "the weights of the last step"
    return [
        "## Training",
        "",
        f"- Genotype: {_said(Path(config.genotype.source).name)}; seed {config.seed}; begun with {_said(begun)}.",
        f"- Data: {_said(config.data.name)}, fingerprint {run.environment['data']['fingerprint'][:16]}. Test images were not touched.",
        f"- Recipe: {_said(Path(config.preset or '').name)}; {train.epochs} epochs, batch {train.batch_size}, {train.optimizer}, "
        f"peak learning rate {train.lr:g}. All settings are in `config.toml`.",
        *_by_weight(train, facts),
        f"- Kept: {kept}, after the last epoch; no epoch was picked.",
        f"- Device: {_said(run.environment['device'])}; {run.environment['precision']}; "
        + ", ".join(
            f"{name} {number}"
            for name, number in run.environment["versions"].items()
            if name in ("scansearch", "torch")
        )
        + ".",
        "",
    ]


def _by_weight(train: TrainSettings, facts: NetworkFacts) -> list[str]:
    """What not all weights have alike."""
    with torch.device("meta"):
        network = facts.spec.network(facts.directions, facts.shape)
    kinds = dict.fromkeys(kind_of(name) for name in sorted(spared_weights(network, train)))
    lines = [
        f"- Weight decay {train.weight_decay:g}, without it: {', '.join(f'`{kind}`' for kind in kinds) or 'none'}."
    ]
    if train.layer_decay < 1:
        lines.append(f"- Each layer learns at {train.layer_decay:g} of the rate of the layer after it.")
    return lines


def _result(run: Run) -> list[str]:
    rows = run.rows(EPOCHS)
    if not rows:
        return []
    last = rows[-1]
    worth = f"Validation {measure_text(last.measure)} {last.worth:.2%}"
    if last.measure != "accuracy":
        worth += f", pixels right {last.val_accuracy:.2%}"
    return [
        "## Result",
        "",
        f"{worth} (loss {last.val_loss:.4f}) after epoch {last.epoch}.",
        "",
    ]


def _tests(evaluations: Sequence[Evaluation]) -> list[str]:
    if not evaluations:
        return ["No test image was looked at yet: `scansearch evaluate` does, once.", ""]
    measures = "top-1 | top-5" if evaluations[0].mean_iou is None else "pixels right | mean IoU"
    lines = [
        f"| test images | looked at | {measures} | calibration error | worst classes |",
        "|---|---|---|---|---|---|",
    ]
    for number, found in enumerate(evaluations):
        again = sum(other.fingerprint == found.fingerprint for other in evaluations[:number])
        second = found.top5 if found.mean_iou is None else found.mean_iou
        shares = [(c.accuracy if found.mean_iou is None else c.iou, c.name) for c in found.classes]
        worst = sorted((share, name) for share, name in shares if share is not None)[:WORST]
        named = ", ".join(f"{_said(name)} {share:.1%}" for share, name in worst)
        lines.append(
            f"| {found.images:,} of {_said(found.data)} | {found.time}{f', time {again + 1}' if again else ''} | {found.top1:.2%} | "
            f"{'' if second is None else f'{second:.2%}'} | {found.ece:.3f} | {named} |"
        )
    return [*lines, ""]


def _loading(folder: Path, facts: NetworkFacts) -> list[str]:
    mean, std = ([float(f"{value:.6g}") for value in values] for values in (facts.mean, facts.std))
    return [
        "## Loading",
        "",
        "```python",
        "from scansearch.runs.run import Run",
        "",
        f"network = Run.open({folder.resolve().name!r}).network()  # images (B, {facts.shape.channels}, {facts.shape.height}, "
        f"{facts.shape.width}) to logits (B, {facts.shape.classes}{', H, W' if facts.shape.dense else ''})",
        "```",
        "",
        f"Input: pixels from 0 to 1 if they were bytes, minus {mean}, divided by {std}, a number a channel.",
        "",
        f"Written by scansearch {versions().get('scansearch', '')}.",
    ]


def _said(text: str) -> str:
    """Text from elsewhere in a line of Markdown: no line breaks, and nothing that ends a cell or a code span."""
    return one_line(text).replace("|", "\\|").replace("`", "'").replace("<", "&lt;")
