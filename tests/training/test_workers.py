"""Processes that read images give what this one would, hear no signals, load no kernels, and end with their parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from asked import asked
from encoded_sets import write_imagenet
from lightning_fabric import Fabric

from scansearch.data import AugmentSettings, FileSplit, TensorSplit
from scansearch.data.imagenet import IMAGENET
from scansearch.errors import ScansearchError
from scansearch.training.feed import Feed
from scansearch.training.reading import Reader
from scansearch.training.workers import Workers, worker_count, workers_of

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
AUGMENT = AugmentSettings(crop_min=0.2, flip=0.5, mixup=0.2)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return IMAGENET.load(write_imagenet(tmp_path_factory.mktemp("images")), image_size=16)


@pytest.fixture(scope="module")
def workers():
    return workers_of(1, os.getpid())


def feed(images, workers, augment=AUGMENT, **more):
    return Feed(images, augment, 8, 5, Fabric(accelerator="cpu", devices=1), workers=workers, **more)


def same(one, other):
    return torch.equal(one.images, other.images) and torch.equal(one.targets, other.targets)


def test_batches_are_the_same_whoever_reads_them_and_wherever_a_run_goes_on(images, workers):
    here = feed(images, 0, held_out_share=0.5)
    wanted = [here.train(number) for number in range(5)]
    assert not same(wanted[0], feed(images, 0, AugmentSettings(flip=0.5, mixup=0.2), held_out_share=0.5).train(0))
    there = feed(images, 1, held_out_share=0.5)
    assert all(same(there.train(number), batch) for number, batch in enumerate(wanted))
    assert same(there.held_out(2), here.held_out(2))
    assert same(feed(images, 1, held_out_share=0.5).train(3), wanted[3])
    for limit in (None, 5):
        pairs = zip(there.over(images.test, limit), here.over(images.test, limit), strict=True)
        assert all(same(*pair) for pair in pairs)


def test_image_folders_are_read_so_too(images, workers):
    source = images.test.source
    split = FileSplit(source.root, source.paths, images.test.labels, (16, 16))
    reading = Reader(1).begin(split, torch.tensor([5, 1, 2]))
    assert all(torch.equal(*pair) for pair in zip(reading(), split.batch(torch.tensor([5, 1, 2])), strict=True))


def test_what_lies_in_memory_is_read_here():
    split = TensorSplit(torch.zeros(4, 1, 2, 2), torch.arange(4))
    assert Reader(1).depth(split, 2) == 0
    assert torch.equal(Reader(1).begin(split, torch.tensor([3]))()[1], torch.tensor([3]))


def test_a_damaged_image_is_named_by_the_batch_that_needs_it(images, workers, tmp_path):
    source = images.test.source
    (tmp_path / "ant").mkdir()
    (tmp_path / "ant" / "0000.JPEG").write_bytes(b"no image")
    broken = type(images.test)(type(source)(tmp_path, source.paths[:1]), torch.tensor([0]))
    with pytest.raises(ScansearchError, match=r"0000.JPEG cannot be decoded \(it is no image.*skip_damaged=true"):
        workers.begin(broken)()
    assert len(workers.begin(images.test)()[0]) == 12


def test_they_know_no_kernels_and_use_one_thread(workers):
    assert asked(workers, "kernels") == 0
    assert asked(workers, "threads") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_they_hear_no_signals(workers, number):
    process = asked(workers, "pid")
    os.kill(process, number)
    assert asked(workers, "pid") == process


def test_how_many_there_are(monkeypatch):
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert (worker_count(-1, cpu), worker_count(3, cpu), worker_count(0, cuda)) == (0, 3, 0)
    assert worker_count(-1, cuda) >= 1
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert (worker_count(3, cpu), worker_count(4, cuda)) == (2, 2)
    pool = Workers(4)
    assert (pool.depth(64), pool.depth(16), pool.depth(1000)) == (2, 8, 1)


def test_one_that_is_killed_is_an_error_of_one_line():
    pool = Workers(1)
    for _ in range(2):
        with pytest.raises(ScansearchError, match=r"ended without a word.*workers= in"):
            asked(pool, "die")


PARENT = """
import os, sys, time
sys.path[:0] = {path!r}
from asked import asked
from scansearch.training.workers import workers_of
if __name__ == "__main__":
    print(asked(workers_of(1, os.getpid()), "pid"), flush=True)
    time.sleep(60)
"""


@needs_proc
@pytest.mark.slow
def test_they_end_with_a_parent_that_is_killed(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT.format(path=[str(Path(__file__).parent)]))
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py")], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    end = time.monotonic() + 20
    while Path(f"/proc/{child}/environ").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
