"""Watches one started sandbox from outside, and ends all of it.

A sandbox is over when process 1 of its process namespace is gone, which the kernel makes true of
every other process in it first: daemons and double forks do not survive.
"""

import json
import os
import select
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Literal, Self

from stages.ablation.sandbox.watchdog import usage
from stages.errors import StageError

TICK_SECONDS = 0.04
READ_BYTES = 65_536
# A machine may be busy; what is killed is gone at once, unless the kernel waits for a disk.
START_SECONDS = END_SECONDS = 60

Stop = Literal["wall time", "CPU time", "output", "processes", "memory"]


@dataclass(frozen=True)
class Limits:
    """What one step may use; the whole tree of processes where nothing else is said."""

    wall_seconds: float = 60.0
    """A guard against sleepers: on a busy machine a program's own seconds take longer."""
    cpu_seconds: int = 15
    """Of one process."""
    memory_bytes: int = 1 << 30
    """Resident."""
    address_space: int | None = None
    """Bytes of virtual memory of one process."""
    processes: int = 32
    file_bytes: int = 64 << 20
    """Of one file."""
    disk_bytes: int = 256 << 20
    """Of /tmp; the first step's holds for all."""
    output_bytes: int = 1 << 20
    """Of both outputs together."""


class Supervised:
    """A started bubblewrap: enter, `watch`, leave. Once left, none of its processes is there.

    On `control`, a socket, the sandbox is told to go, and sends a line as each step begins; on
    `info`, a pipe, bubblewrap names its first process. Raises StageError if there is no sandbox.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], control: socket.socket, info: IO[bytes]
    ) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.step = -1
        """The last step that began."""
        self.stdout, self.stderr = bytearray(), bytearray()
        self._outputs = ((process.stdout, self.stdout), (process.stderr, self.stderr))
        self._process = process
        self._control = control
        self._info = info
        # Process 1 of the sandbox: its number here, and a descriptor that stays its own.
        self._first = -1
        self._first_descriptor: int | None = None

    @property
    def exit_code(self) -> int:
        """128 + N after signal N, as in a shell."""
        code = self._process.wait()
        return 128 - code if code < 0 else code

    def __enter__(self) -> Self:
        try:
            if not select.select([self._info], [], [], START_SECONDS)[0]:
                raise TimeoutError(f"no word of it in {START_SECONDS} s")
            self._first = int(json.loads(self._info.read())["child-pid"])
            self._first_descriptor = os.pidfd_open(self._first)
            self._control.sendall(b"go\n")
        except (OSError, ValueError) as error:
            self.__exit__()
            raise self.not_started(str(error)) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._first_descriptor is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first_descriptor, signal.SIGKILL)
            gone = select.select([self._first_descriptor], [], [], END_SECONDS)[0]
            os.close(self._first_descriptor)
            self._first_descriptor = None
            if not gone:
                raise StageError(f"process {self._first} of a sandbox stays after SIGKILL")
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        with self._process:  # waits for it and closes its pipes, which nobody writes to any more
            for pipe, kept in self._outputs:
                kept.extend(pipe.read())
        while self._told():
            pass

    def not_started(self, why: str = "") -> StageError:
        """What to raise if the sandbox never came to its first step."""
        said = self.stderr.decode(errors="replace").strip()
        return StageError(f"a sandbox does not start: {said or why}")

    def watch(self, limits: Sequence[Limits]) -> Stop | None:
        """Waits until the sandbox is over or a step breaks one of its limits; which one."""
        over = os.pidfd_open(self._process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(over, selectors.EVENT_READ, "over")
                selector.register(self._control, selectors.EVENT_READ, "step")
                for pipe, kept in self._outputs:
                    selector.register(pipe, selectors.EVENT_READ, kept)
                return self._until_over(selector, limits)
        finally:
            os.close(over)

    def _until_over(
        self, selector: selectors.BaseSelector, limits: Sequence[Limits]
    ) -> Stop | None:
        step = self.step
        deadline = time.monotonic() + START_SECONDS
        tick = 0.0
        while True:
            over = self._read(selector)
            now = time.monotonic()
            if self.step > step:
                step = self.step
                deadline = now + limits[step].wall_seconds
            limit = limits[max(step, 0)]
            if len(self.stdout) + len(self.stderr) > limit.output_bytes:
                return "output"
            if over:
                return None
            if now > deadline:
                return "wall time"
            if now > tick:
                tick = now + TICK_SECONDS
                n_processes, resident = usage(self._first)
                if n_processes > limit.processes:
                    return "processes"
                if resident > limit.memory_bytes:
                    return "memory"

    def _read(self, selector: selectors.BaseSelector) -> bool:
        """Takes what has been written within a tick; whether the sandbox is over."""
        over = False
        for key, _ in selector.select(TICK_SECONDS):
            if key.data == "over":
                over = True
                continue
            if key.data == "step":
                data = self._told()
            else:
                data = os.read(key.fd, READ_BYTES)
                key.data.extend(data)
            if not data:
                selector.unregister(key.fileobj)
        return over

    def _told(self) -> bytes:
        """What the sandbox said about its steps; nothing once it is closed."""
        try:
            told = self._control.recv(READ_BYTES)
        except ConnectionResetError:  # it ended without having heard the word to go
            return b""
        self.step += told.count(b"\n")
        return told
