"""Trains GPT: given an utterance's phonemes and its semantic tokens so far, predict the next one.

Read once, from top to bottom. Knows batches and the network; nothing of audio or of where the data came from.
Teacher forcing with cross entropy and end of speech appended, as upstream's first stage; AdamW (Loshchilov & Hutter
2019) under a cosine. Resumable: see checkpoint.py.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from core_model.gpt import GPT
from core_model.training import checkpoint
from core_model.training.dataset import Batch, Dataset
from core_model.training.held_phones import Histories, Holding, as_they_are, held
from core_model.training.schedule import Options, Progress, Report, learning_rate, silent

_IGNORED = -100  # cross entropy's mark for "no target here"


def loss_of(
    network: GPT, batch: Batch, device: str = "cpu", joined: nn.Module | None = None, read: Histories | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """(mean cross entropy per token, share guessed right) of one batch; *network* may be called as something else.

    *read* takes the place of the batch's own tokens.
    """
    read = read or as_they_are(batch.tokens, batch.token_lengths, network.dims.end_of_speech)
    following = torch.from_numpy(read.following).to(device)  # (B, T)
    targets = torch.where(following < 0, _IGNORED, following)
    logits = (joined or network)(
        torch.from_numpy(batch.phonemes).to(device),
        torch.from_numpy(read.tokens).to(device),
        None,
        phoneme_lengths=torch.from_numpy(batch.phoneme_lengths).to(device),
    )  # (B, T, V)
    loss = functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=_IGNORED)
    right = (logits.argmax(-1) == targets)[targets != _IGNORED].float().mean()
    return loss, right


def train(
    network: GPT, dataset: Dataset, options: Options, report: Report = silent, holding: Holding | None = None
) -> None:
    """Train *network* in place for `options.steps` steps, going on from `options.checkpoint` if it exists.

    With *holding*, some phones of what it reads are held too long (held_phones.py). Where several processes train,
    each learns from its rows of every batch: the loss is that of the whole batch.
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
        read = as_they_are(whole.tokens, whole.token_lengths, network.dims.end_of_speech)
        if holding is not None:
            rng = np.random.Generator(np.random.Philox(key=[options.seed, step], counter=1))
            read = held(read, holding.codes, holding.share, rng)
        batch = whole.rows(rows) if processes.count > 1 else whole
        own = read.rows(rows) if processes.count > 1 else read
        counts = processes.weight(own.lengths.sum(), read.lengths.sum())
        with torch.autocast(torch.device(options.device).type, dtype=torch.bfloat16, enabled=options.bfloat16):
            loss, right = loss_of(network, batch, options.device, joined, own)
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
