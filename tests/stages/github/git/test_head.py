"""Which commit is read, above all where HEAD names none."""

import pytest

from tests.stages.github.git.test_tree import ENVIRONMENT, git


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A work tree with the branches `trunk` (older), `feature` (newer), and the tag `v1`."""
    folder = tmp_path / "tool"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "trunk")
    for branch, date in (("trunk", "2020-01-01T00:00:00Z"), ("feature", "2021-01-01T00:00:00Z")):
        if branch != "trunk":
            git(folder, "checkout", "-q", "-b", branch)
        (folder / "branch.txt").write_text(branch)
        git(folder, "add", ".")
        monkeypatch.setitem(ENVIRONMENT, "GIT_COMMITTER_DATE", date)
        git(folder, "commit", "-q", "-m", branch)
    git(folder, "tag", "v1", "trunk")
    return folder


def bare(folder):
    return folder / ".git"


def texts(read_folder, folder, **options):
    got = read_folder("a__b", folder, **options)
    assert not got.quarantined
    return got.texts


UNUSABLE = {
    "a branch that is gone": "ref: refs/heads/gone\n",
    "empty": "",
    "cut off": "ref: ref",
    "zeros": "\0" * 41,
    "a commit that is gone": "1" * 40 + "\n",
}


@pytest.mark.parametrize("head", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("place", [lambda work: work, bare], ids=["work tree", "bare"])
def test_a_head_that_names_nothing_leaves_the_default_branch(work, read_folder, head, place):
    """A customary name before a newer branch, whatever is wrong with HEAD."""
    git(work, "pack-refs", "--all")
    (work / ".git" / "HEAD").write_text(head)
    assert texts(read_folder, place(work)) == {"branch.txt": "trunk"}


def test_a_lost_head_leaves_the_default_branch(work, read_folder):
    """git would call it no repository."""
    (work / ".git" / "HEAD").unlink()
    assert texts(read_folder, work) == {"branch.txt": "trunk"}
    assert texts(read_folder, bare(work)) == {"branch.txt": "trunk"}


def test_without_a_customary_name_the_newest_branch_is_read(work, read_folder):
    """By the commit's date, not by the name."""
    git(work, "branch", "-m", "trunk", "zeta")
    (work / ".git" / "HEAD").write_text("ref: refs/heads/gone\n")
    assert texts(read_folder, work) == {"branch.txt": "feature"}


@pytest.mark.parametrize("ref", ["refs/remotes/origin/dev", "refs/tags/v2", "refs/pull/7/head"])
def test_where_there_are_no_branches_other_refs_are_read(work, read_folder, ref):
    """What a fetch or a mirror of something else leaves."""
    git(work, "update-ref", ref, "feature")
    git(work, "tag", "-d", "v1")
    git(work, "checkout", "-q", "--detach")
    git(work, "branch", "-D", "trunk", "feature")
    (work / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    assert texts(read_folder, work) == {"branch.txt": "feature"}


def test_the_remotes_default_branch_is_the_default(work, read_folder):
    """`origin/HEAD` knows better than a name."""
    git(work, "update-ref", "refs/remotes/origin/feature", "feature")
    git(work, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/feature")
    (work / ".git" / "HEAD").write_text("ref: refs/heads/gone\n")
    assert texts(read_folder, work) == {"branch.txt": "feature"}


@pytest.mark.parametrize("revision", ["v1", "refs/tags/v1", "trunk", "refs/heads/trunk"])
def test_any_ref_can_be_read(work, read_folder, revision):
    """The metadata row names it; HEAD is another."""
    assert texts(read_folder, work) == {"branch.txt": "feature"}
    assert texts(read_folder, bare(work), metadata={"revision": revision}) == {
        "branch.txt": "trunk"
    }


def test_a_branch_that_lost_its_commit_is_passed_over(work, read_folder):
    """The other branch is there; with neither, nothing can be read."""
    (work / ".git" / "HEAD").write_text("ref: refs/heads/gone\n")
    lose(work, "trunk")
    assert texts(read_folder, work) == {"branch.txt": "feature"}
    lose(work, "feature")
    got = read_folder("a__b", work)
    assert [bad.reason for bad in got.quarantined] == ["unreadable"]


def test_a_lost_commit_is_no_empty_repository(work, read_folder):
    """Without any ref, HEAD on a commit that is missing."""
    git(work, "checkout", "-q", "--detach", "trunk")
    git(work, "branch", "-D", "trunk", "feature")
    git(work, "tag", "-d", "v1")
    lose(work, "HEAD")
    got = read_folder("a__b", work)
    assert [bad.reason for bad in got.quarantined] == ["unreadable"]


def lose(work, name):
    commit = git(work, "rev-parse", name)
    (work / ".git" / "objects" / commit[:2] / commit[2:]).unlink(missing_ok=True)
