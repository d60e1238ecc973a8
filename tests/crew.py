"""Three processes that wait for work, so that a test of several does not pay for starting them."""

import multiprocessing
import pickle  # plain, so that tensors are copied: a pipe's own would share their memory
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from repro.parallel import Apart, Processes


def _serve(connection) -> None:
    torch.set_num_threads(1)
    while order := connection.recv_bytes():
        function, rank, size, meeting, arguments = pickle.loads(order)
        torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)
        torch.distributed.barrier()  # one that leaves at once would take the others' connections with it
        try:
            answer = function(Processes(rank, size, rank), *arguments)
        except BaseException as error:  # a failure is what many tests ask for
            answer = error.with_traceback(None)
            answer.__cause__ = None
            answer.shown = traceback.format_exc()
        torch.distributed.destroy_process_group()
        connection.send_bytes(pickle.dumps(answer))
        if isinstance(answer, Apart) and answer.code == 1:
            return  # as under torchrun: a process that failed ends, and its connections with it


class Crew:
    """Processes that call a function of a test module together."""

    def __init__(self, folder: Path, *, most: int = 3):
        """Start `most` processes; they meet by files in `folder`."""
        self.folder, self.meetings = folder, 0
        context = multiprocessing.get_context("spawn")
        self.ends, self.processes = [], []
        for _ in range(most):
            mine, theirs = context.Pipe()
            self.processes.append(context.Process(target=_serve, args=(theirs,), daemon=True))
            self.processes[-1].start()
            self.ends.append(mine)

    def try_(self, size: int, function: Callable, *arguments) -> list:
        """Return by rank what `function(processes, *arguments)` returned or raised, called by `size` processes."""
        self.meetings += 1
        for rank, end in enumerate(self.ends[:size]):
            order = function, rank, size, self.folder / f"meeting-{self.meetings}", arguments
            end.send_bytes(pickle.dumps(order))
        return [pickle.loads(end.recv_bytes()) for end in self.ends[:size]]

    def do(self, size: int, function: Callable, *arguments) -> list:
        """Return by rank what `function` returned; an error of any is one here."""
        answers = self.try_(size, function, *arguments)
        for answer in answers:
            assert not isinstance(answer, BaseException), answer.shown
        return answers

    def end(self) -> None:
        """Let them go."""
        for end, process in zip(self.ends, self.processes):
            with suppress(OSError):  # one that failed has ended
                end.send_bytes(b"")
            process.join(timeout=10)
