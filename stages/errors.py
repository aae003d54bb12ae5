"""Every error Sluice raises on purpose.

SluiceError
├── ConfigError      a configuration or command line that cannot work (exit code 2)
├── InputError       an input that cannot be read or identified
├── StageError       a stage failed: names stage, shard, document, and what to do (exit code 1)
│   └── BlockedError   a server wants nothing more of us: the run ends, and is resumable
├── StorageError     a run folder that is locked, damaged or unreachable
└── WaitForPerson    a person's decision is needed; the run is resumable (exit code 0)
"""


class SluiceError(Exception):
    """Base of all errors that Sluice raises on purpose."""


class ConfigError(SluiceError):
    """A configuration that cannot work; the message names the field and the value."""


class InputError(SluiceError):
    """An input that cannot be read or identified; the message names it."""


class StageError(SluiceError):
    """A stage that failed; the message names stage, shard and document, and what to do."""


class BlockedError(StageError):
    """A server that wants nothing more of us; the message says what to do before going on."""


class StorageError(SluiceError):
    """A run folder that is locked, damaged or unreachable."""


class WaitForPerson(SluiceError):  # noqa: N818 - nothing failed; the run goes on later
    """A person's decision is needed; the run is resumable."""
