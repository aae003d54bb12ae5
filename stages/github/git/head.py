"""Which commit of a git repository is read.

A ref or commit that the user names, else HEAD. HEAD may name nothing: a bare mirror whose branch
was renamed, a fetch into an empty repository, an interrupted write. Then the default branch is
taken (the remote's, else one by a customary name), else the newest branch, remote branch, tag, or
ref of any kind, by the commit's date. Only a repository without refs whose HEAD waits for its first
commit is empty; one that lost its commits cannot be read.
"""

from stages.github.entries import Damaged
from stages.github.git.tree import GitFolder

DEFAULT_BRANCHES = (
    "refs/remotes/origin/HEAD",
    *(f"refs/heads/{name}" for name in ("main", "master", "trunk", "develop")),
)
KINDS = ("refs/heads", "refs/remotes", "refs/tags", "refs")
"""Of refs, the likeliest to be what the repository is first."""
MAX_REFS = 2000
"""Of one kind, the first by name: among them the newest is looked for."""


def head_commit(folder: GitFolder, revision: str | None = None) -> str | None:
    """The commit to read: `revision` if the repository has it, else HEAD, else what stands for it;
    None if there are no commits at all. Raises `Damaged` if there is nothing that can be read."""
    found = _commit_of(folder, revision) if revision is not None else None
    found = found or _commit_of(folder, "HEAD")
    if found is not None:
        return found
    code, output, trouble = folder.answer("for-each-ref", "--count=1", "--format=%(refname)")
    if code == 0 and not output and _waits_for_first_commit(folder):
        return None
    for name in DEFAULT_BRANCHES:
        found = found or _commit_of(folder, name)
    for kind in KINDS:
        found = found or _newest(folder, kind)
    if found is None:
        raise Damaged("unreadable", trouble or "neither HEAD nor a ref names a commit")
    return found


def _commit_of(folder: GitFolder, name: str) -> str | None:
    """The commit that a name stands for, if it is there."""
    arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    code, output, _ = folder.answer(*arguments)
    return output.decode("ascii").strip() if code == 0 else None


def _newest(folder: GitFolder, kind: str) -> str | None:
    """The newest commit that a ref of this kind names and that is there."""
    count = f"--count={MAX_REFS}"
    _, output, _ = folder.answer("for-each-ref", count, "--format=%(objectname)", kind)
    names = sorted(set(output.decode("ascii").split()))
    if not names:
        return None
    _, output, _ = folder.answer("rev-list", "--no-walk=sorted", "--ignore-missing", *names)
    return next(iter(output.decode("ascii").split()), None)


def _waits_for_first_commit(folder: GitFolder) -> bool:
    """Whether HEAD is the name of a branch: a commit that is missing is a loss, not a beginning."""
    return folder.answer("symbolic-ref", "--quiet", "HEAD")[0] == 0
