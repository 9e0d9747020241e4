"""What lives after each operation, forward and backward."""

import pytest
import torch

from scansearch.machine.live_memory import LiveMemory, MemoryLimitError


def test_tensors_count_from_their_birth_to_their_end():
    before = torch.ones(100)
    with LiveMemory() as memory:
        one = torch.ones(1000)
        view = one.view(10, 100)[3:]
        two = one + 1
        del one
        del view
        three = before + two[:100]
    assert memory.bytes == [4000, 4000, 4000, 8000, 4000, 4400]
    assert two is not three


def test_a_backward_pass_is_seen_and_what_it_lets_go_of():
    weight = torch.ones(50, 50, requires_grad=True)
    with LiveMemory() as memory:
        kept = (torch.ones(1000, 50) @ weight).exp().sum()
        forward = memory.bytes[-1]
        kept.backward()
        del kept
        torch.zeros(1)
    assert forward >= 2 * 200_000  # the input and the exponentials
    assert max(memory.bytes) >= forward + 200_000
    assert memory.bytes[-1] == weight.grad.nbytes + 4


def test_the_same_program_gives_the_same_numbers():
    def counted():
        with LiveMemory() as memory:
            net = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.GELU(), torch.nn.Linear(7, 3))
            net(torch.ones(4, 5)).sum().backward()
        return memory.bytes

    assert counted() == counted()


def test_where_more_lives_than_may_it_ends():
    with pytest.raises(MemoryLimitError, match="tensors of 8,000 bytes live, more than 5,000"), LiveMemory(5000):
        torch.ones(1000) + 1
