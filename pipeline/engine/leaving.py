"""What an earlier run made and this configuration has no place for: a run removes it before it
makes anything, since what looks into a run takes every table for a part of it. `sluice plan` says
so beforehand, and models that a person paid for are not deleted in silence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.configuration import Config
from pipeline.configuration.names import StepName
from pipeline.configuration.registry import (
    CONFIGURED,
    DOCUMENTS,
    EVENTS,
    GITHUB,
    RECALL,
    REMOVE,
    SEEDS,
    TOKENS,
)
from pipeline.engine.chain import chain_of
from pipeline.engine.intake.run_inputs import RunInputs
from pipeline.storage.intake.inputs import is_hour
from pipeline.storage.ledger_names import ledger_of
from pipeline.storage.manifest import SHARDS, emitted_before
from pipeline.storage.storage import Storage
from schemas.shards import corpus_of

REPOSITORIES = "repositories"
"""Where the table lies that events make, in the folder of the github corpus."""
_TRAINED = " and the models that it trained"


@dataclass(frozen=True)
class Leaving:
    """What goes, and why."""

    why: str
    tables: tuple[str, ...] = ()
    """Folders of one table each: what says that it is there goes first."""
    folders: tuple[str, ...] = ()
    """Folders of tables, and quarantines, about which nobody need be told."""
    known_by: tuple[str, ...] = ()
    """Folders of which one holds files if there is anything to tell of."""
    what: str = ""
    """What goes with them that no folder's name tells."""

    def is_there(self, storage: Storage) -> bool:
        """Whether anything goes that a person would look for."""
        return any(
            storage.exists(ledger_of(one)) or storage.list(one)
            for one in (*self.known_by, *self.tables)
        )

    def remove(self, storage: Storage) -> None:
        """Delete it, or what an interrupted run left of it."""
        for table in self.tables:
            storage.delete(ledger_of(table))
            storage.delete_folder(table)
        for folder in self.folders:
            storage.delete_folder(folder)

    def __str__(self) -> str:
        shown = [one for one in (*self.tables, *self.folders) if not one.startswith("quarantine/")]
        leaves = "leaves" if len(shown) == 1 and not self.what else "leave"
        return f"{self.why}: {', '.join(shown)}{self.what} {leaves} the run folder"


def leaving(config: Config, storage: Storage, inputs: RunInputs, *, removes: bool) -> list[Leaving]:
    """All that was made of a corpus whose last input left the run, and of seeds that nobody learns
    from; the tables of stages that are switched off; of a product of which nothing is left, what
    stands beside the shards, too. `removes`: whether documents are to be taken out of the run."""
    recorded, current = inputs.recorded, inputs.current
    gone = [corpus for corpus in CONFIGURED if recorded.get(corpus) and not current[corpus]]
    found = []
    if not current[SEEDS]:
        found.append(_corpus(SEEDS, f"{SEEDS}: nothing learns from them", ()))
    product = () if any(current[corpus] for corpus in CONFIGURED) else (SHARDS,)
    for corpus in gone:
        sets = [one for one in emitted_before(storage) if corpus_of(one) == corpus]
        why = f"{corpus}: no input of it is left"
        found.append(_corpus(corpus, why, [f"{SHARDS}/{one}" for one in sets], product))
    if not current[EVENTS] and any(map(is_hour, recorded.get(GITHUB, ()))):
        why = f"{EVENTS}: no hour of events is left"
        found.append(_corpus(EVENTS, why, [f"{GITHUB}/{REPOSITORIES}"]))
    found += [
        one
        for corpus in CONFIGURED
        if current[corpus]
        for one in _switched_off(corpus, chain_of(corpus, config, removes=removes))
    ]
    return found


def _corpus(corpus: str, why: str, tables: Sequence[str], product: tuple[str, ...] = ()) -> Leaving:
    folders = (corpus, f"quarantine/{corpus}", *product)
    return Leaving(why, tuple(tables), folders, known_by=(f"{corpus}/{DOCUMENTS}",))


def _switched_off(corpus: str, chain: Sequence[str]) -> Iterator[Leaving]:
    for stage in (TOKENS, RECALL, REMOVE):
        if stage not in chain:
            name = StepName(corpus, stage)
            what = _TRAINED if stage == RECALL else ""
            quarantine = (name.quarantine,)
            yield Leaving(f"{name} no longer runs", (name.folder,), quarantine, what=what)
