"""The Python interface: what a result is worth. Evaluate a network, confirm a genotype, compare it with random ones."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scansearch.arguments import typed
from scansearch.genotype import Genotype, find_genotype
from scansearch.watched import shows

if TYPE_CHECKING:
    from scansearch.runs.comparison_json import Comparison
    from scansearch.runs.evaluation_json import Evaluation


@typed
def evaluate(
    path: str | Path,
    *,
    data: str | None = None,
    data_root: str | Path | None = None,
    genotype: Genotype | str | Path | None = None,
    model: str | None = None,
    sizes: Sequence[int] | None = None,
    batch_size: int = 64,
    again: bool = False,
) -> Evaluation:
    """Says what a trained network is worth on test images; of a run, every time is recorded in ``evaluation.json``.

    Args:
        path: The run folder of a training, or a file of weights.
        data: A registered dataset, if not that of the training.
        data_root: Folder of the dataset, if it needs one.
        genotype: Of a released checkpoint: the genotype of its network.
        model: Of a released checkpoint: its model, if not the genotype's.
        sizes: Other image sizes, in pixels; by default three quarters and five quarters of the network's.
        batch_size: Images in a batch.
        again: Look at test images that the run was evaluated on before; without it, the first result comes back.

    Returns:
        Accuracies, classes, confusions, calibration, throughput.

    Raises:
        ScansearchError: For bad input, in one line.
    """
    from scansearch.finish import finish_evaluation
    from scansearch.retraining.evaluation import Examination, examine_network
    from scansearch.retraining.final_source import run_folder

    own = find_genotype(str(genotype)) if isinstance(genotype, (str, Path)) else genotype
    root = None if data_root is None else str(data_root)
    found, _ = examine_network(Examination(Path(path), data, root, model, own, sizes, batch_size, again))
    folder = run_folder(Path(path))
    for line in finish_evaluation(folder).failures if folder is not None else ():
        warnings.warn(line, stacklevel=2)
    return found


@typed
def confirm(
    path: str | Path,
    *,
    pairs: int = 1,
    epochs: int | None = None,
    jobs: int | None = None,
    progress: bool | None = None,
) -> Genotype:
    """Searches a finished run anew on separate halves of its images, and says what comes back.

    The halves are runs in ``RUN/confirm``; an interrupted call goes on where it was when it is repeated. With ``jobs=1`` they are
    searched in this process, where parts that were registered by hand are known; else in processes of their own.

    Args:
        path: The run folder.
        pairs: Pairs of halves, 1 to 100; 5 or more for claims about single directions.
        epochs: Epochs of each half, if not as many as the run had.
        jobs: How many halves are searched at a time; by default two on a CPU of several cores, else one.
        progress: Whether to show progress; by default in a notebook only.

    Returns:
        The run's genotype with what was found in ``confirmed``, as it now is in ``genotype.json``.

    Raises:
        ScansearchError: For bad input, or what ended a search.
    """
    from scansearch.comparing.confirmation import Confirmation
    from scansearch.comparing.confirmation import confirm as confirm_run
    from scansearch.display.bars import bars
    from scansearch.finish import finish

    wanted = Confirmation(Path(path), pairs, epochs, jobs)
    if shows(progress):
        with bars("half") as shown:
            genotype = confirm_run(wanted, shown.listener)
    else:
        genotype = confirm_run(wanted)
    for line in finish(path, genotype).failures:
        warnings.warn(line, stacklevel=2)
    return genotype


@typed
def compare(
    path: str | Path,
    *,
    random: int = 4,
    space: str | None = None,
    jobs: int | None = None,
    progress: bool | None = None,
) -> Comparison:
    """Trains random genotypes as a finished training was trained, and compares all on its test images.

    They are runs in ``RUN/random``; an interrupted call goes on where it was when it is repeated, and one with a larger ``random``
    adds to what is there. With ``jobs=1`` they are trained in this process, where parts that were registered by hand are known; else
    in processes of their own.

    Args:
        path: The run folder of the training.
        random: How many random genotypes, 1 to 1,000.
        space: The space that they are of, if not the one that was searched: a registered name or a file.
        jobs: How many are trained at a time; by default two on a CPU of several cores, else one.
        progress: Whether to show progress; by default in a notebook only.

    Returns:
        All accuracies, and ``p``, the chance that a random genotype would rank as high; as in ``comparison.json`` of the run.

    Raises:
        ScansearchError: For bad input, or what ended a training.
    """
    from scansearch.comparing.with_random import Against, compare_with_random
    from scansearch.display.bars import bars

    wanted = Against(Path(path), random, space, jobs)
    if shows(progress):
        with bars("random") as shown:
            return compare_with_random(wanted, shown.listener)
    return compare_with_random(wanted)
