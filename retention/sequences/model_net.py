"""Networks over event sequences: a recurrent one or a small causal Transformer, with the time between events told.

The library torch is needed to learn and to predict; what was learned is arrays of numpy, so that it is stored without
pickle and read where torch is another version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retention.errors import SpecError
from retention.sequences.spec import ADVICE
from retention.sequences.table import DAY_S, SequenceTable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Weights = dict[str, NDArray[np.float32]]
PAD, CUTOFF, UNKNOWN, FIRST_KIND = 0, 1, 2, 3
"""Tokens that are no kind of event: nothing, the cut-off at the end of each sequence, and a kind not learned from."""
N_BUMPS = 12
N_STATIC = 2
BATCH, LEAST_BATCH = 256, 32
N_HEADS = 2
LONGEST_LOG = float(np.log1p(2 * 365 * DAY_S))


def torch_or_advice() -> Any:
    """Import torch.

    Raises
    ------
    SpecError
        If it is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise SpecError(
            f"Sequence models need the library torch, which is not installed ({ADVICE}).",
            hint="Install it, or choose another model: nothing else needs it.",
        ) from None
    return torch


def has_torch() -> bool:
    """Say whether torch is installed, without importing it."""
    return find_spec("torch") is not None


def device_of(torch: Any) -> str:
    """Choose where to compute: on the graphics card where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Sequences in the numbers that a network reads: `kinds` are tokens, not places in a vocabulary."""

    table: SequenceTable
    tokens: Ints

    @classmethod
    def of(cls, table: SequenceTable, names: tuple[str, ...]) -> Steps:
        """Translate kinds of events into the tokens of the names that a network knows."""
        known = {name: FIRST_KIND + i for i, name in enumerate(names)}
        token = np.array([known.get(name, UNKNOWN) for name in table.vocabulary], dtype=np.int64)
        return cls(table, token[table.kinds])

    def batch(self, rows: Ints, torch: Any, dtype: Any, device: str) -> Batch:
        """Lay some sequences side by side, the cut-off after the last step of each, padding behind."""
        table = self.table
        lengths = table.lengths[rows]
        width = int(lengths.max(initial=0)) + 1
        column = np.arange(width)
        is_step = column < lengths[:, None]
        place = np.where(is_step, table.offsets[rows][:, None] + column, 0)
        if not len(self.tokens):
            raise ValueError("there are no steps")
        tokens = np.where(is_step, self.tokens[place], PAD)
        tokens[np.arange(len(rows)), lengths] = CUTOFF
        ages = np.where(is_step, table.ages[place], 0).astype(np.float64)
        amounts = np.where(is_step, table.amounts[place], np.nan).astype(np.float64)
        sizes = np.where(is_step, table.sizes[place], 0).astype(np.float64)
        before = np.concatenate([ages[:, :1], ages[:, :-1]], axis=1)
        gaps = np.where(column <= lengths[:, None], np.maximum(before - ages, 0), 0)
        has_amount = np.isfinite(amounts)
        numbers = np.stack(
            [
                np.log1p(gaps) / LONGEST_LOG,
                np.log1p(ages) / LONGEST_LOG,
                np.where(has_amount, amounts, 0) / 5,
                has_amount,
                sizes,
            ],
            axis=2,
        )
        static = np.stack([np.log(table.n_before[rows]) / 4, np.log1p(table.days_known[rows]) / 6], axis=1)

        def on_device(values: NDArray[Any]) -> Any:
            return torch.as_tensor(values, dtype=dtype, device=device)

        return Batch(
            torch.as_tensor(tokens, device=device), on_device(numbers), on_device(static),
            torch.as_tensor(lengths, device=device), torch.as_tensor(bins_of(gaps), device=device),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some sequences as tensors.

    Attributes
    ----------
    tokens : (n, width)
    numbers : (n, width, 5)
        Gap, age, amount, whether there is one, size.
    static : (n, 2)
        Of the whole history: how many steps, and how long ago it began.
    lengths : (n,)
        The cut-off stands at this place.
    gap_bins : (n, width)
    """

    tokens: Any
    numbers: Any
    static: Any
    lengths: Any
    gap_bins: Any


def bins_of(gaps: Floats) -> Ints:
    """Sort gaps in seconds into the bins that are predicted: at once, a minute, an hour, a day, two, four, … days."""
    edges = [1, 60, 3600, *(DAY_S * 2**k for k in range(8))]
    return np.searchsorted(np.array(edges, dtype=np.float64), gaps, side="left")


N_BINS = 12


def network(torch: Any, cell: str, n_kinds: int, width: int, n_layers: int) -> Any:
    """Make a network that has learned nothing.

    Notes
    -----
    The gap before each step and its age are told on a logarithmic scale, smeared over overlapping bumps: whether a
    silence is long shows as which bumps are up, not as a number that has to be multiplied. No dropout: it would draw
    from a state that the whole process shares.

    References
    ----------
    Cho, K. et al. (2014). Learning phrase representations using RNN encoder-decoder for statistical machine
    translation. EMNLP. Hochreiter, S. & Schmidhuber, J. (1997). Long short-term memory. Neural Computation 9.
    Vaswani, A. et al. (2017). Attention is all you need. NeurIPS.
    """
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.mixed, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

        def forward(self, x: Any) -> Any:
            n, length, _ = x.shape
            parts = self.mixed(self.norm_1(x)).reshape(n, length, 3, N_HEADS, width // N_HEADS).permute(2, 0, 3, 1, 4)
            seen = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=True)
            x = x + self.out(seen.transpose(1, 2).reshape(n, length, width))
            return x + self.down(functional.gelu(self.up(self.norm_2(x))))

    class Network(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.kind = nn.Embedding(n_kinds, width)
            self.number = nn.Linear(2 * N_BUMPS + 5, width)
            if cell == "transformer":
                self.blocks = nn.ModuleList([Block() for _ in range(n_layers)])
                self.norm = nn.LayerNorm(width)
            else:
                self.body = (nn.GRU if cell == "gru" else nn.LSTM)(width, width, n_layers, batch_first=True)
            self.next_kind, self.next_gap = nn.Linear(width, n_kinds), nn.Linear(width, N_BINS)
            self.hidden, self.lapse = nn.Linear(width + N_STATIC, width), nn.Linear(width, 1)

        def states(self, batch: Batch) -> Any:
            numbers = batch.numbers
            centres = torch.linspace(0, 1, N_BUMPS, dtype=numbers.dtype, device=numbers.device)
            bumps = torch.exp(-0.5 * ((numbers[:, :, :2, None] - centres) * (N_BUMPS - 1)) ** 2).flatten(2)
            x = self.kind(batch.tokens) + self.number(torch.cat([bumps, numbers], dim=2))
            if cell != "transformer":
                return self.body(x)[0]
            x = x + 0.1 * self.positions(x)
            for block in self.blocks:
                x = block(x)
            return self.norm(x)

        def positions(self, x: Any) -> Any:
            at = torch.arange(x.shape[1], dtype=x.dtype, device=x.device)[:, None]
            pace = torch.exp(torch.arange(0, width, 2, dtype=x.dtype, device=x.device) * (-np.log(1000.0) / width))
            return torch.stack([torch.sin(at * pace), torch.cos(at * pace)], dim=2).flatten(1)

        def log_odds(self, batch: Batch) -> Any:
            last = self.states(batch)[torch.arange(len(batch.lengths), device=batch.lengths.device), batch.lengths]
            hidden = functional.gelu(self.hidden(torch.cat([last, batch.static], dim=1)))
            return self.lapse(hidden)[:, 0]

        def surprise(self, batch: Batch) -> Any:
            """How far off the next step is: its kind, and the time until it."""
            states = self.states(batch)[:, :-2]
            place = torch.arange(1, batch.tokens.shape[1] - 1, device=batch.tokens.device)
            is_told = place < batch.lengths[:, None]
            kind = functional.cross_entropy(self.next_kind(states)[is_told], batch.tokens[:, 1:-1][is_told])
            gap = functional.cross_entropy(self.next_gap(states)[is_told], batch.gap_bins[:, 1:-1][is_told])
            return kind + gap

    return Network()


def drawn(net: Any, seed: int) -> Weights:
    """Draw the weights to begin with, by numpy: the same for a seed whatever else the process draws."""
    random = np.random.default_rng(seed)
    weights: Weights = {}
    for name, parameter in net.state_dict().items():
        shape = tuple(parameter.shape)
        if len(shape) > 1:
            fan = 50 if name.startswith("kind") else shape[-1]
            weights[name] = random.normal(0, 1 / np.sqrt(fan), shape).astype(np.float32)
        else:
            is_scale = "norm" in name and name.endswith("weight")
            weights[name] = np.full(shape, 1.0 if is_scale else 0.0, dtype=np.float32)
    return weights


def loaded(torch: Any, net: Any, weights: Weights, dtype: Any, device: str) -> Any:
    """Put weights into a network."""
    net.load_state_dict({name: torch.as_tensor(np.array(values)) for name, values in weights.items()})
    return net.to(device=device, dtype=dtype)


def batches(lengths: Ints, rows: Ints, random: np.random.Generator, size: int) -> Iterator[Ints]:
    """Deal rows into batches of about the same length, in a random order."""
    mixed = random.permutation(rows)
    dealt: list[Ints] = []
    for start in range(0, len(mixed), 16 * size):
        some = mixed[start : start + 16 * size]
        some = some[np.argsort(lengths[some], kind="stable")]
        dealt += [some[i : i + size] for i in range(0, len(some), size)]
    for i in random.permutation(len(dealt)):
        yield dealt[i]


def in_order(lengths: Ints, rows: Ints, size: int = 4 * BATCH) -> Iterator[Ints]:
    """Deal rows into batches of about the same length, always the same."""
    ordered = rows[np.argsort(lengths[rows], kind="stable")]
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


Loss = Callable[[Any, Batch, Ints], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What a network has learned.

    Attributes
    ----------
    weights : dict of str to ndarray
        Those of the pass after which the loss on the held-back sequences was least.
    curve : ndarray, shape (n_passes, 2)
        Loss on what was learned from and on what was held back, after each pass.
    best : int
        Which pass that was, from 0.
    """

    weights: Weights
    curve: Floats
    best: int


def taught(
    net_of: Callable[[Any], Any], weights: Weights, steps: Steps, learn: Ints, hold: Ints, loss_of: Loss, *,
    n_epochs: int, patience: int, rate: float, seed: int,
) -> Taught:  # fmt: skip
    """Teach a network, and stop when what was held back is no longer foretold better.

    Parameters
    ----------
    net_of : callable
        Makes the network, given torch.
    learn, hold : ndarray of int
        Rows to learn from, and rows that say when to stop.
    loss_of : callable
        Mean loss of a batch, given the network, the batch and its rows.

    Notes
    -----
    One thread: sums of floats depend on how they are shared out, and the same rows shall give the same weights.
    """
    torch = torch_or_advice()
    device = device_of(torch)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        net = loaded(torch, net_of(torch), weights, torch.float32, device)
        optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-3)
        random = np.random.default_rng(seed)
        lengths = steps.table.lengths
        curve, best, kept = list[tuple[float, float]](), 0, weights
        # Few rows are dealt into small batches, so that a pass is more than a handful of steps.
        size = min(max(len(learn) // 40, LEAST_BATCH), BATCH)
        n_batches = -(-len(learn) // size)
        pace = torch.optim.lr_scheduler.LambdaLR(optimiser, partial(_share_of_rate, n_steps=n_epochs * n_batches))
        for epoch in range(n_epochs):
            net.train()
            total = 0.0
            for rows in batches(lengths, learn, random, size):
                optimiser.zero_grad()
                loss = loss_of(net, steps.batch(rows, torch, torch.float32, device), rows)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimiser.step()
                pace.step()
                total += float(loss.detach()) * len(rows)
            net.eval()
            with torch.no_grad():
                held = sum(
                    float(loss_of(net, steps.batch(rows, torch, torch.float32, device), rows)) * len(rows)
                    for rows in in_order(lengths, hold)
                )
            curve.append((total / len(learn), held / len(hold)))
            if curve[-1][1] <= min(after for _, after in curve):
                best = epoch
                kept = {name: values.detach().cpu().numpy().copy() for name, values in net.state_dict().items()}
            elif epoch - best >= patience:
                break
        return Taught(kept, np.array(curve), best)
    finally:
        torch.set_num_threads(n_threads)


def _share_of_rate(step: int, n_steps: int) -> float:
    """Learn slowly at first, and ever more slowly towards the end."""
    warm = max(n_steps // 20, 1)
    return min((step + 1) / warm, max(1 - step / n_steps, 0.02))


def read_by(net_of: Callable[[Any], Any], weights: Weights, steps: Steps, what: str, n_columns: int) -> Floats:
    """Let a network read sequences, in double precision so that who else is read makes no difference.

    Parameters
    ----------
    what : {"log_odds", "embedding"}
    """
    torch = torch_or_advice()
    device = device_of(torch)
    net = loaded(torch, net_of(torch), weights, torch.float64, device).eval()
    out = np.empty((steps.table.n_users, n_columns))
    with torch.no_grad():
        for rows in in_order(steps.table.lengths, np.arange(steps.table.n_users)):
            batch = steps.batch(rows, torch, torch.float64, device)
            if what == "log_odds":
                found = net.log_odds(batch)[:, None]
            else:
                states = net.states(batch)
                place = torch.arange(states.shape[1], device=states.device)
                is_step = (place < batch.lengths[:, None]).to(states.dtype)[:, :, None]
                found = (states * is_step).sum(dim=1) / is_step.sum(dim=1)
            out[rows] = found.cpu().numpy()
    return out
