import pytest
import torch

from scansearch.machine.numerics import run_numerics

TINY = torch.finfo(torch.float32).tiny


def settings():
    return (
        torch.get_num_threads(),
        float(torch.tensor(TINY, dtype=torch.float32) * 0.5),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
        torch.get_rng_state().tolist(),
    )


def test_a_run_leaves_the_process_as_it_was():
    before = settings()
    with run_numerics():
        assert float(torch.tensor(TINY) * 0.5) == 0.0
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.utils.deterministic.fill_uninitialized_memory  # which would write every tensor twice
        torch.set_num_threads(3)
        torch.manual_seed(99)
    assert settings() == before


def test_also_after_an_error():
    before = settings()
    with pytest.raises(ZeroDivisionError), run_numerics():
        raise ZeroDivisionError
    assert settings() == before


@pytest.mark.parametrize("default", [torch.float64, torch.bfloat16], ids=str)
def test_a_run_computes_in_float32_whatever_the_callers_default_is(default):
    torch.set_default_dtype(default)
    try:
        before = settings()
        with run_numerics():
            assert torch.zeros(1).dtype == torch.float32
            assert float(torch.tensor(TINY) * 0.5) == 0.0
        assert settings() == before
    finally:
        torch.set_default_dtype(torch.float32)
