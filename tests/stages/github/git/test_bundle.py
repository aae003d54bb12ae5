"""Git bundles, whole, partial and broken."""

import tempfile

import pytest

from stages.errors import StageError
from tests.stages.github.git.test_tree import git, work  # noqa: F401  (a fixture)


@pytest.fixture
def bundle(work, tmp_path):  # noqa: F811
    """`bundle(*what, options=())` → the bytes of a bundle of the work tree."""

    def make(*what, options=()):
        git(work, "bundle", "create", "-q", *options, str(tmp_path / "x.bundle"), *what)
        return (tmp_path / "x.bundle").read_bytes()

    return make


@pytest.mark.parametrize("what", [("--all",), ("HEAD",), ("main",)])
@pytest.mark.parametrize("seekable", [True, False])
def test_a_bundle_reads_like_its_repository(
    work,  # noqa: F811
    bundle,
    read_bytes,
    read_folder,
    what,
    seekable,
):
    """With or without a HEAD, the same documents under the bundle's name."""
    ours = read_folder("octo__tool", work)
    got = read_bytes("octo__tool.bundle", bundle(*what), seekable=seekable)
    assert got.rows == ours.rows
    assert got.identity == ours.identity
    assert got.skipped == ours.skipped
    assert not got.quarantined


def test_the_third_version_of_bundles_is_read(bundle, read_bytes):
    """It has capabilities before its refs."""
    got = read_bytes("octo__tool.bundle", bundle("main", options=["--version=3"]))
    assert list(got.texts) == ["COPYING", "README.md", "src/a.c"]


def test_a_bundle_is_read_at_any_of_its_refs(work, bundle, read_bytes):  # noqa: F811
    """The metadata row names it."""
    git(work, "tag", "v1")
    git(work, "commit", "-q", "-a", "-m", "Change")
    data = bundle("--all")
    changed = "changed, not committed\n"
    assert read_bytes("octo__tool.bundle", data).texts["src/a.c"] == changed
    got = read_bytes("octo__tool.bundle", data, metadata={"revision": "v1"})
    assert got.texts["src/a.c"] == "int a;\r\n"


def test_a_nameless_bundle_is_called_by_its_content(bundle, read_bytes):
    """As an archive is."""
    got = read_bytes("tool.bundle", bundle("--all"))
    assert got.identity.startswith("local/tool-")


def test_a_bundle_of_changes_alone_is_refused(work, bundle, read_bytes):  # noqa: F811
    """What it builds upon is elsewhere."""
    git(work, "commit", "-q", "-a", "-m", "Change")
    got = read_bytes("octo__tool.bundle", bundle("main~1..main"))
    assert not got.rows
    assert [bad.reason for bad in got.quarantined] == ["unreadable"]
    assert "needs commits" in got.quarantined[0].error


@pytest.mark.parametrize("keep", [20, 120, -1, -30])
def test_a_bundle_that_is_cut_is_quarantined(bundle, read_bytes, keep):
    """In its list of refs or in its pack; nothing is read of it."""
    got = read_bytes("octo__tool.bundle", bundle("--all")[:keep])
    assert not got.rows
    assert len(got.quarantined) == 1


def test_a_full_disk_is_no_fault_of_the_bundle(bundle, read_bytes, monkeypatch):
    """The run stops and says what to do, nothing is quarantined."""
    data = bundle("main")
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    with pytest.raises(StageError, match="TMPDIR"):
        read_bytes("octo__tool.bundle", data)


def test_refs_of_a_bundle_name_no_files(bundle, read_bytes):
    """Neither a path out of the repository nor a line of its configuration."""
    data = bundle("main").replace(b"refs/heads/main", b"../../heads/mai")
    got = read_bytes("octo__tool.bundle", data)
    assert not got.rows
    assert [bad.reason for bad in got.quarantined] == ["corrupt"]
