"""Checkpoints: written beside the training, whole or not at all, kept by policy.

    checkpoints/latest             the name of the newest one
    checkpoints/step-00000200/     weights and moments (torch.distributed.checkpoint), state.json

The tensors are copied to the CPU, then a thread writes them into a folder with a dot in front; when
every rank's part is there the folder gets its name, then `latest` names it. The distributed format
knows each tensor's whole shape, so any number of ranks loads it.
"""

import json
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import AsyncSaveResponse, async_save

from stages.ablation.training.configuration import Checkpoints
from stages.ablation.training.ranks import Ranks
from stages.errors import StageError, StorageError

LATEST = "latest"
STATE = "state.json"


class Pending(NamedTuple):
    """A checkpoint that a thread is writing."""

    step: int
    folder: Path
    state: Mapping[str, Any]
    done: "Future[Any]"


class CheckpointStore:
    """The checkpoints of one run."""

    def __init__(self, folder: Path, policy: Checkpoints, ranks: Ranks) -> None:
        self._folder = folder
        self._policy = policy
        self._ranks = ranks
        self._pending: Pending | None = None
        if ranks.first:
            folder.mkdir(parents=True, exist_ok=True)
            for unfinished in folder.glob(".step-*"):
                shutil.rmtree(unfinished)

    def due(self, step: int, n_steps: int) -> bool:
        """Whether the policy wants a checkpoint after `step`."""
        every = self._policy.every
        return every > 0 and (step % every == 0 or step == n_steps)

    def latest(self) -> dict[str, Any] | None:
        """What the newest checkpoint knows beside its tensors; None where there is none."""
        found = None
        if self._ranks.first:
            try:
                name = (self._folder / LATEST).read_text(encoding="utf-8").strip()
                found = json.loads((self._folder / name / STATE).read_text(encoding="utf-8"))
            except FileNotFoundError:
                found = None
            except ValueError as error:
                raise StorageError(f"{self._folder}: damaged checkpoint: {error}") from error
        state: dict[str, Any] | None = self._ranks.from_first(found)
        return state

    def load(self, step: int, tensors: dict[str, Any]) -> None:
        """Fill the tensors, in place."""
        load(tensors, checkpoint_id=self._folder / step_name(step))

    def save(self, step: int, tensors: dict[str, Any], state: Mapping[str, Any]) -> None:
        """Begin a checkpoint; returns as soon as the tensors are copied."""
        self.finish()
        folder = self._folder / f".{step_name(step)}"
        response = async_save(tensors, checkpoint_id=folder, process_group=self._ranks.checkpoints)
        assert not isinstance(response, AsyncSaveResponse)
        self._pending = Pending(step, folder, state, response)

    def poll(self) -> None:
        """Give the pending checkpoint its name, if it is written by now."""
        if self._pending is not None and self._pending.done.done():
            self.finish()

    def finish(self) -> None:
        """Wait for the pending checkpoint, if any, and give it its name."""
        if self._pending is None:
            return
        pending, self._pending = self._pending, None
        try:
            pending.done.result()
        except Exception as error:
            raise StageError(
                f"checkpoint of step {pending.step} in {self._folder}: {error}"
            ) from error
        if self._ranks.first:
            (pending.folder / STATE).write_text(json.dumps(pending.state), encoding="utf-8")
            final = self._folder / step_name(pending.step)
            if final.exists():
                shutil.rmtree(final)
            pending.folder.rename(final)
            replace_text(self._folder / LATEST, f"{final.name}\n")
            self._prune(pending.step)

    def _prune(self, newest: int) -> None:
        steps = sorted(
            step
            for path in self._folder.glob("step-*")
            if (step := int(path.name.partition("-")[2])) <= newest
        )
        for step in steps[: -self._policy.keep_last]:
            if not self._policy.keep_every or step % self._policy.keep_every:
                shutil.rmtree(self._folder / step_name(step))


def step_name(step: int) -> str:
    """A checkpoint's folder."""
    return f"step-{step:08d}"


def replace_text(path: Path, text: str) -> None:
    """Write a small file, whole or not at all."""
    draft = path.with_name(f".{path.name}")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
