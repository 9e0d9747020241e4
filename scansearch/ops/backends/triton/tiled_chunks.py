"""A long scan in two levels, on the GPU: what every chunk would hand on by itself, and then what comes into each.

With s the sum of a chunk's step sizes, a chunk turns the state h that comes in into e + exp(s A) h (Blelloch 1990; Gu and Dao, arXiv
2312.00752, section 3.3.2). ``chunk_ends`` finds e and s of all chunks at once, ``carry_chunks`` goes from chunk to chunk, and then
the kernels of ``tiled_scan`` compute every chunk by itself. The backward pass does the same from the other end: a_t g_t of a
chunk's first step is what leaves it.
"""

# mypy: ignore-errors

import triton
import triton.language as tl

from scansearch.ops.backends.triton.tiled_scan import LOG2_E, _steps, _tokens


@triton.jit
def chunk_ends(
    value, delta, A, bias, maps, z, order, ends, sums, length, tokens, width, batch, span,
    BACKWARD: tl.constexpr, RESTORED: tl.constexpr, GATED: tl.constexpr, STATES: tl.constexpr, ROWS: tl.constexpr,
    SOFTPLUS: tl.constexpr, STEPS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Ends (panels, chunks, STATES, width) of u and B, or BACKWARD of dy and C, and sums (panels, chunks, width). ROWS >= STATES."""
    panel, block, chunk = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    group = panel // batch
    channels = block * CHANNELS + tl.arange(0, CHANNELS)
    inside = channels < width
    step, number = tl.arange(0, STEPS), tl.arange(0, ROWS)
    value += panel * (tokens if BACKWARD else length) * width
    z += (panel % batch) * tokens * width
    order += group * length
    delta += panel * length * width
    maps += panel * length * STATES
    A += group * width * STATES
    offset = tl.load(bias + group * width + channels, mask=inside, other=0.0).to(tl.float32)
    first = chunk * span
    count = tl.minimum(span, tl.cdiv(length, STEPS) - first)
    stop = tl.minimum(length, (first + span) * STEPS)
    end = tl.zeros([ROWS, CHANNELS], tl.float32)
    passed = tl.zeros([CHANNELS], tl.float32)
    whole = tl.zeros([CHANNELS], tl.float32)
    for place in range(0, count):
        tile = first + (place if BACKWARD else count - 1 - place)
        rows = tile * STEPS + step
        valid = rows < length
        mask = valid[:, None] & inside[None]
        token = _tokens(order, rows, valid, RESTORED and BACKWARD)
        spot = token[:, None] * width + channels[None]
        shown = (token >= 0)[:, None] & inside[None]
        given = tl.load(value + spot, mask=shown, other=0.0).to(tl.float32)
        if GATED and BACKWARD:
            gate = tl.load(z + spot, mask=shown, other=0.0).to(tl.float32)
            given *= gate * tl.sigmoid(gate)
        _, size = _steps(delta, offset, rows, channels, mask, width, SOFTPLUS)
        whole += tl.sum(size, 0)
        if BACKWARD:
            through = passed[None] + tl.cumsum(size, 0)
            passed += tl.sum(size, 0)
        else:
            given *= size
            later = (rows + 1 < stop)[:, None] & inside[None]
            _, after = _steps(delta, offset, rows + 1, channels, later, width, SOFTPLUS)
            through = passed[None] + tl.cumsum(after, 0, reverse=True)
            passed += tl.sum(after, 0)
        for state in range(0, STATES):
            rate = tl.load(A + channels * STATES + state, mask=inside, other=0.0).to(tl.float32) * LOG2_E
            along = tl.load(maps + rows * STATES + state, mask=valid, other=0.0).to(tl.float32)
            left = tl.where(mask, tl.exp2(through * rate[None]) * given * along[:, None], 0.0)
            end += tl.where((number == state)[:, None], tl.sum(left, 0)[None], 0.0)
    chunk_of_all = panel * tl.num_programs(2) + chunk
    kept = (chunk_of_all * STATES + number)[:, None] * width + channels[None]
    tl.store(ends + kept, end, mask=(number < STATES)[:, None] & inside[None])
    tl.store(sums + chunk_of_all * width + channels, whole, mask=inside)


@triton.jit
def carry_chunks(
    ends, sums, A, into, width, batch, chunks, rows, stride,
    BACKWARD: tl.constexpr, STATES: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """What comes into every chunk: ``into`` (panels, rows, STATES, width), a chunk every ``stride`` rows. A program a state."""
    panel, block, state = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    channels = block * CHANNELS + tl.arange(0, CHANNELS)
    inside = channels < width
    rate = tl.load(A + (panel // batch * width + channels) * STATES + state, mask=inside, other=0.0).to(tl.float32)
    carry = tl.zeros([CHANNELS], tl.float32)
    for place in range(0, chunks):
        chunk = chunks - 1 - place if BACKWARD else place
        tl.store(into + ((panel * rows + chunk * stride) * STATES + state) * width + channels, carry, mask=inside)
        chunk_of_all = panel * chunks + chunk
        end = tl.load(ends + (chunk_of_all * STATES + state) * width + channels, mask=inside, other=0.0)
        total = tl.load(sums + chunk_of_all * width + channels, mask=inside, other=0.0)
        carry = end + tl.exp2(total * rate * LOG2_E) * carry
