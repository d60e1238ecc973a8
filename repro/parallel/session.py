"""The time that processes spend together, from their first exchange to the exit code they share."""

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import NoReturn

from repro.command import BAD_INPUT
from repro.parallel.processes import Apart, Processes

PATIENCE = timedelta(minutes=30)  # for a process that hangs; one that dies is noticed at once


def together(processes: Processes, device: str, work: Callable[[], int]) -> int:
    """Return the exit code of `work`; one of several processes ends here, with that of the first once all are through.

    It does so whatever the others came to: at the interpreter's exit something might wait for one that is lost, and
    gloo's threads, at times still at work there, would end the process as a failed one.

    Args:
        processes: as torchrun started them.
        device: "auto", "cuda" or "cpu".
        work: done by every process.
    """
    if processes.size == 1:
        return work()
    _begin(processes, device)
    try:
        code = work()
        _end("", processes.first(lambda: code))
    except Apart as why:
        _end(why.sentence, why.code)
    except (ValueError, OSError) as error:
        alike = processes.together(error) and not processes.leads
        _end("" if alike else f"process {processes.rank} of {processes.size}: {error}", BAD_INPUT)


def _begin(processes: Processes, device: str) -> None:
    """Find the others: tensors of a CPU travel by gloo, those of a GPU by nccl."""
    import torch

    from repro.machine import pick_device

    cuda = pick_device(device).type == "cuda"
    if cuda:
        cards = torch.cuda.device_count()
        if processes.here > cards:
            raise ValueError(f"{processes.here} processes on a machine of {cards} GPUs; give --nproc-per-node {cards}")
        torch.cuda.set_device(processes.local)
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=PATIENCE)


def _end(sentence: str, code: int) -> NoReturn:
    """Say why, whoever was silenced, and leave at once."""
    if sentence:
        print(f"run_all.sh: {' '.join(sentence.split())}", file=sys.__stderr__)
    for stream in (sys.__stdout__, sys.__stderr__):
        stream.flush()
    os._exit(code)
