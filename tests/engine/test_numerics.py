import pytest
import torch

from scansearch.engine.numerics import run_numerics

TINY = torch.finfo(torch.float32).tiny


def settings():
    return (
        torch.get_num_threads(),
        float(torch.tensor(TINY) * 0.5),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_rng_state().tolist(),
    )


def test_a_run_leaves_the_process_as_it_was():
    before = settings()
    with run_numerics():
        assert float(torch.tensor(TINY) * 0.5) == 0.0
        assert torch.are_deterministic_algorithms_enabled()
        torch.set_num_threads(3)
        torch.manual_seed(99)
    assert settings() == before


def test_also_after_an_error():
    before = settings()
    with pytest.raises(ZeroDivisionError), run_numerics():
        raise ZeroDivisionError
    assert settings() == before
