import pytest
import torch

from scansearch.errors import ScansearchError
from scansearch.training.batches import Batches, generator, split_off


def test_every_sample_once_an_epoch_in_another_order_each():
    batches = Batches(torch.arange(10, 22), 4, seed=1, stream=0)
    epochs = [torch.cat([batches[e * 3 + s] for s in range(3)]) for e in range(2)]
    for epoch in epochs:
        assert sorted(epoch.tolist()) == list(range(10, 22))
    assert epochs[0].tolist() != epochs[1].tolist()


def test_a_step_is_a_pure_function_of_the_seed():
    samples = torch.arange(50)
    forward = [Batches(samples, 8, 3, 0)[step].tolist() for step in range(12)]
    backward = [Batches(samples, 8, 3, 0)[step].tolist() for step in reversed(range(12))][::-1]
    assert forward == backward
    assert forward[0] != Batches(samples, 8, 4, 0)[0].tolist()
    assert forward[0] != Batches(samples, 8, 3, 1)[0].tolist()


def test_fewer_samples_than_a_batch():
    assert sorted(Batches(torch.arange(3), 64, 0, 0)[5].tolist()) == [0, 1, 2]


def test_split_off_is_disjoint_and_whole():
    rest, part = split_off(101, 0.5, 7)
    assert sorted([*rest.tolist(), *part.tolist()]) == list(range(101))
    assert len(part) == 50


def test_streams_differ():
    assert torch.rand(1, generator=generator(0, 1)) != torch.rand(1, generator=generator(0, 2))


@pytest.mark.parametrize(("share", "held_out"), [(0.999, 64), (0.001, 0)])
def test_a_share_that_leaves_nothing_is_refused(share, held_out):
    with pytest.raises(
        ScansearchError, match=f"^held_out must leave .* but {share} of 64 training images is {held_out};"
    ):
        split_off(64, share, 0)


def test_processes_share_a_batch_equally():
    with pytest.raises(
        ScansearchError, match="2 processes share each batch, so its size must be a multiple of 2, but got 15"
    ):
        Batches(torch.arange(40), 15, 0, 0, processes=2)
    assert Batches(torch.arange(40), 16, 0, 0, processes=2).size == 16
