"""Git repositories, bare and with a work tree, honest and hostile."""

import os
import subprocess
from pathlib import Path

import pytest

from stages.contract import Input
from stages.errors import InputError
from stages.github.git.tree import EMPTY_TREE
from stages.github.stage import repository_name

ENVIRONMENT = {
    **os.environ,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


def git(folder, *arguments):
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=ENVIRONMENT, check=True, capture_output=True
    )
    return done.stdout.decode().strip()


def spoil(work: Path, name: str) -> None:
    """Write over the object of a file of HEAD."""
    blob = git(work, "rev-parse", f"HEAD:{name}")
    path = work / ".git" / "objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes(b"\x78\x01garbage")


@pytest.fixture
def work(tmp_path):
    """A work tree with sources, a licence, a link, a submodule and an untracked file."""
    folder = tmp_path / "tool"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "remote", "add", "origin", "git@github.com:octo/tool.git")
    (folder / "src").mkdir()
    (folder / "src" / "a.c").write_bytes(b"int a;\r\n")
    (folder / "README.md").write_text("# Tool\n")
    (folder / "COPYING").write_text("SPDX-License-Identifier: GPL-2.0-only\n")
    (folder / "link").symlink_to("src/a.c")
    (folder / "loop").symlink_to("loop")
    git(folder, "add", ".")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor")
    git(folder, "commit", "-q", "-m", "Begin")
    (folder / "untracked.c").write_text("not committed\n")
    (folder / "src" / "a.c").write_text("changed, not committed\n")
    return folder


def test_head_is_read_not_the_work_tree(work, read_folder):
    """Committed bytes in `ls-tree` order; links and submodules are counted."""
    head = git(work, "rev-parse", "HEAD")
    got = read_folder("tool", work)
    assert got.identity == f"octo/tool@{head}"
    assert list(got.texts) == ["COPYING", "README.md", "src/a.c"]
    assert got.texts["src/a.c"] == "int a;\r\n"
    assert got.skipped == {"symlink": 2, "submodule": 1}
    assert {row["license"] for row in got.rows} == {"GPL-2.0-only"}
    assert not got.quarantined


def test_a_bare_clone_gives_the_same_documents(work, tmp_path, read_folder):
    """Only the remote differs, so the name comes from the folder."""
    git(tmp_path, "clone", "-q", "--bare", "tool", "octo__tool.git")
    ours = read_folder("tool", work)
    bare = read_folder("octo__tool.git", tmp_path / "octo__tool.git")
    assert bare.rows == ours.rows
    assert bare.identity == ours.identity


def test_another_owner_is_no_obstacle(work, read_folder):
    """git's ownership check does not trip when the folder belongs to someone else."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    for folder, _, files in os.walk(work):
        for name in [folder, *(os.path.join(folder, file) for file in files)]:
            os.chown(name, 12345, 12345, follow_symlinks=False)
    assert len(read_folder("tool", work).rows) == 3


def test_nothing_of_the_repository_is_executed(work, tmp_path, read_folder):
    """Monitors, filters, text conversions, hooks and fetch commands named in the repository's
    configuration do not run, not even for missing objects of a partial clone."""
    trap = tmp_path / "trap"
    command = f"touch {trap}; false"
    for key, value in {
        "core.fsmonitor": command,
        "core.sshCommand": command,
        "core.pager": command,
        "filter.evil.smudge": command,
        "diff.evil.textconv": command,
        "remote.origin.url": f"ext::sh -c touch% {trap}",
        "remote.origin.promisor": "true",
        "remote.origin.partialclonefilter": "blob:none",
        "protocol.ext.allow": "always",
        "extensions.partialClone": "origin",
        "core.repositoryformatversion": "1",
    }.items():
        git(work, "config", key, value)
    (work / ".git" / "info" / "attributes").write_text("* filter=evil diff=evil\n")
    hook = work / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {trap}\n")
    hook.chmod(0o755)
    blob = git(work, "rev-parse", "HEAD:src/a.c")
    (work / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    got = read_folder("octo__tool", work)
    assert not trap.exists()
    assert list(got.texts) == ["COPYING", "README.md"]
    assert [bad.reason for bad in got.quarantined] == ["corrupt"]


def test_a_broken_object_costs_itself_alone(work, read_folder):
    """Files after the damaged one are still read."""
    spoil(work, "README.md")
    got = read_folder("tool", work)
    assert list(got.texts) == ["COPYING", "src/a.c"]
    assert [bad.origin.rpartition(":")[2] for bad in got.quarantined] == ["README.md"]


def test_a_repository_without_commits_is_empty(tmp_path, read_folder):
    """An unborn branch gives an identity and no documents."""
    git(tmp_path, "init", "-q")
    got = read_folder("a__b", tmp_path)
    assert got.identity == f"a/b@{EMPTY_TREE}"
    assert not got.rows
    assert not got.quarantined


def test_a_plain_folder_is_unreadable(tmp_path, read_folder):
    """No git, no package: one quarantined record, also inside another repository."""
    got = read_folder("stuff", tmp_path)
    assert [(bad.origin, bad.reason) for bad in got.quarantined] == [("stuff", "unreadable")]
    assert got.identity is None


def test_a_revision_the_repository_has_is_the_one_read(work, read_folder):
    """Metadata may name an older commit."""
    first = git(work, "rev-parse", "HEAD")
    git(work, "commit", "-q", "-a", "-m", "Change")
    assert read_folder("tool", work).texts["src/a.c"] == "changed, not committed\n"
    got = read_folder("tool", work, metadata={"revision": first})
    assert got.texts["src/a.c"] == "int a;\r\n"
    assert got.identity == f"octo/tool@{first}"


def test_a_tree_bomb_is_a_limit(tmp_path, read_folder):
    """A tree that unfolds to 10^8 files out of eight objects stops at `max_files`."""
    git(tmp_path, "init", "-q")
    tree = (
        "100644 blob "
        + subprocess.run(
            ["git", "hash-object", "-w", "--stdin"],
            cwd=tmp_path,
            env=ENVIRONMENT,
            input=b"x",
            check=True,
            capture_output=True,
        )
        .stdout.decode()
        .strip()
    )
    for _ in range(8):
        listing = "".join(f"{tree}\tf{index}\n" for index in range(10)).encode()
        made = subprocess.run(
            ["git", "mktree"],
            cwd=tmp_path,
            env=ENVIRONMENT,
            input=listing,
            check=True,
            capture_output=True,
        )
        tree = f"040000 tree {made.stdout.decode().strip()}"
    commit = git(tmp_path, "commit-tree", tree.split()[2], "-m", "Bomb")
    git(tmp_path, "update-ref", "HEAD", commit)
    got = read_folder("a__bomb", tmp_path, max_files=100)
    assert len(got.rows) == 100
    assert [bad.reason for bad in got.quarantined] == ["limit"]


def test_metadata_wins_over_the_remote(work, read_folder):
    """Every field of the metadata row shows in the documents."""
    metadata = {
        "repo": "new/home",
        "revision": "v1.0",
        "created_at": "2020-01-02T03:04:05Z",
        "stars": 7.0,
        "license": "mit",
    }
    row = read_folder("tool", work, metadata=metadata).rows[0]
    assert (row["repo"], row["revision"], row["stars"]) == ("new/home", "v1.0", 7)
    assert row["license"] == "MIT"
    assert row["repo_created_at"].isoformat() == "2020-01-02T03:04:05+00:00"


@pytest.mark.parametrize("bad", [{"repo": "noslash"}, {"stars": "many"}, {"created_at": "once"}])
def test_wrong_metadata_is_an_error_that_names_the_value(work, read_folder, bad):
    """A field that cannot be read is the user's to correct."""
    with pytest.raises(InputError, match=next(iter(bad.values()))):
        read_folder("tool", work, metadata=bad)


def test_the_name_is_known_without_reading(work):
    """The remote is enough to detect a clash of identities."""
    assert repository_name(Input("tool", str(work), folder=work)) == "octo/tool"
