"""Trains GPT: given an utterance's phonemes and its semantic tokens so far, predict the next one.

Read once, from top to bottom. Knows batches and the network; nothing of audio or of where the data came from.
Teacher forcing with cross entropy and end of speech appended, as upstream's first stage; AdamW (Loshchilov & Hutter
2019) under a cosine. Resumable: see checkpoint.py.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from core_model.gpt import GPT
from core_model.training import checkpoint
from core_model.training.dataset import Batch, Dataset
from core_model.training.schedule import Options, Progress, Report, learning_rate, silent

_IGNORED = -100  # cross entropy's mark for "no target here"


def loss_of(
    network: GPT, batch: Batch, device: str = "cpu", joined: nn.Module | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """(mean cross entropy per token, share guessed right) of one batch; *network* may be called as something else."""
    tokens = torch.from_numpy(batch.tokens).to(device)  # (B, T)
    lengths = torch.from_numpy(batch.token_lengths).to(device)
    positions = torch.arange(tokens.shape[1], device=device)
    following = torch.cat([tokens[:, 1:], torch.zeros_like(tokens[:, :1])], dim=1)
    targets = torch.where(positions == lengths[:, None] - 1, network.dims.end_of_speech, following)
    targets = torch.where(positions < lengths[:, None], targets, _IGNORED)
    logits = (joined or network)(
        torch.from_numpy(batch.phonemes).to(device),
        tokens,
        None,
        phoneme_lengths=torch.from_numpy(batch.phoneme_lengths).to(device),
    )  # (B, T, V)
    loss = functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=_IGNORED)
    right = (logits.argmax(-1) == targets)[targets != _IGNORED].float().mean()
    return loss, right


def train(network: GPT, dataset: Dataset, options: Options, report: Report = silent) -> None:
    """Train *network* in place for `options.steps` steps, going on from `options.checkpoint` if it exists.

    Where several processes train, each learns from its rows of every batch: the loss is that of the whole batch.
    """
    processes = options.processes
    rows = processes.rows(min(options.batch_size, len(dataset.examples)))
    network.to(options.device).train()
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=options.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    networks, optimizers = {"gpt": network}, {"adamw": optimizer}
    start = checkpoint.load(options.checkpoint, networks, optimizers, options.keeper) if options.checkpoint else 0
    joined = processes.joined(network)
    for step in range(start, options.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(options, step)
        whole = dataset.batch(options.seed, step, options.batch_size)
        batch = whole.rows(rows) if processes.count > 1 else whole
        counts = processes.weight(batch.token_lengths.sum(), whole.token_lengths.sum())
        with torch.autocast(torch.device(options.device).type, dtype=torch.bfloat16, enabled=options.bfloat16):
            loss, right = loss_of(network, batch, options.device, joined)
        loss, right = loss * counts, right * counts
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        told = processes.mean({"cross_entropy": loss.item(), "accuracy": right.item()}, options.device)
        if processes.first:
            report(Progress("gpt", step + 1, options.steps, told))
            checkpoint.save_when_due(options, step + 1, networks, optimizers)
    processes.wait()
    network.eval()
