"""Git folders that lead elsewhere, wait for ever, or never end."""

import os
import socket
import stat
import struct
import subprocess
import time
import zlib
from hashlib import sha1

import pytest

from stages.contract import Input
from stages.github.git import process as git_process
from stages.github.stage import repository_name
from tests.stages.github.git.test_tree import ENVIRONMENT, git, spoil


@pytest.fixture
def work(tmp_path):
    """A work tree with two files."""
    folder = tmp_path / "tool"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "remote", "add", "origin", "git@github.com:octo/tool.git")
    (folder / "LICENSE").write_text("SPDX-License-Identifier: MIT\n")
    (folder / "a.c").write_text("int a;\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder


def loose(folder, kind, data):
    """Write an object as it is, sound or not; its name."""
    content = f"{kind} {len(data)}\0".encode() + data
    name = sha1(content, usedforsecurity=False).hexdigest()
    path = folder / ".git" / "objects" / name[:2] / name[2:]
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.write_bytes(zlib.compress(content, 1))
    return name


def commit_tree(folder, entries):
    """Make a tree of (mode, name, object) HEAD, whatever it says."""
    data = b"".join(mode + b" " + name + b"\0" + bytes.fromhex(id_) for mode, name, id_ in entries)
    commit = git(folder, "commit-tree", loose(folder, "tree", data), "-m", "Odd")
    git(folder, "update-ref", "HEAD", commit)


def refusal(got):
    assert not got.rows
    (bad,) = got.quarantined
    assert bad.reason == "unreadable"
    return bad.error


def bind(path):
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as endpoint:
            endpoint.bind(path.name)
    finally:
        os.chdir(here)


SPECIAL = {
    "pipe": os.mkfifo,
    "socket": bind,
    "device": lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5)),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to a pipe": lambda path: (os.mkfifo(f"{path}-"), path.symlink_to(f"{path.name}-")),
    "link outside": lambda path: path.symlink_to(path.parents[3]),
}


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize(
    "place",
    [
        "HEAD",
        "config",
        "packed-refs",
        "shallow",
        "refs/heads/main",
        "info/grafts",
        "objects/info/alternates",
        "objects/pack/pack-1.idx",
        "objects/ab/cdef",
    ],
)
def test_what_is_no_file_is_never_opened(work, read_folder, kind, place):
    """Pipes, sockets, devices and links to them, wherever git would open one."""
    if kind == "device" and os.geteuid() != 0:
        pytest.skip("only root makes devices")
    path = work / ".git" / place
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    SPECIAL[kind](path)
    started = time.monotonic()
    assert place.partition("/")[0] in refusal(read_folder("a__b", work))
    assert repository_name(Input("a__b", str(work), folder=work)) == "a/b"
    assert time.monotonic() - started < 20


def test_what_git_does_not_read_may_be_anything(work, read_folder):
    """Hooks are often links; a monitor leaves its socket."""
    (work / ".git" / "hooks").mkdir(exist_ok=True)
    (work / ".git" / "hooks" / "pre-commit").symlink_to("../../hooks/pre-commit")
    bind(work / ".git" / "fsmonitor--daemon.ipc")
    (work / ".git" / "index").unlink()
    os.mkfifo(work / ".git" / "index")
    assert len(read_folder("tool", work).rows) == 2


def test_a_link_inside_the_git_folder_leads_nowhere_else(work, read_folder):
    """HEAD was a link once."""
    head = work / ".git" / "HEAD"
    head.unlink()
    head.symlink_to("refs/heads/main")
    assert len(read_folder("tool", work).rows) == 2


def elsewhere(work, tmp_path):
    """A clone without objects of its own, and the folder it borrows them from."""
    git(tmp_path, "clone", "-q", "--shared", "tool", "borrower")
    return tmp_path / "borrower"


def test_objects_of_another_repository_are_not_read(work, tmp_path, read_folder):
    """`alternates` of a shared clone."""
    assert "alternates" in refusal(read_folder("a__b", elsewhere(work, tmp_path)))


def test_an_empty_alternates_file_leads_nowhere(work, read_folder):
    """Only comments and blank lines are in it."""
    (work / ".git" / "objects" / "info").mkdir(exist_ok=True)
    (work / ".git" / "objects" / "info" / "alternates").write_text("# none\n\n")
    assert len(read_folder("tool", work).rows) == 2


@pytest.mark.parametrize("borrowed", ["objects", "refs", "config", "packed-refs"])
def test_links_to_another_repository_are_not_followed(work, tmp_path, read_folder, borrowed):
    """A git folder that is made of another's."""
    git(work, "pack-refs", "--all")
    copy = tmp_path / "copy"
    copy.mkdir()
    subprocess.run(["cp", "-r", str(work / ".git"), str(copy / ".git")], check=True)
    subprocess.run(["rm", "-r", str(copy / ".git" / borrowed)], check=True)
    (copy / ".git" / borrowed).symlink_to(work / ".git" / borrowed)
    assert borrowed in refusal(read_folder("a__b", copy))


def test_a_git_file_is_not_followed(work, tmp_path, read_folder):
    """Linked work trees and submodules keep their repository elsewhere."""
    git(work, "worktree", "add", "-q", "-b", "other", str(tmp_path / "other"))
    assert "elsewhere" in refusal(read_folder("a__b", tmp_path / "other"))
    pointer = tmp_path / "pointer"
    pointer.mkdir()
    (pointer / ".git").write_text(f"gitdir: {work / '.git'}\n")
    assert "elsewhere" in refusal(read_folder("a__b", pointer))
    (pointer / ".git").unlink()
    (pointer / ".git").symlink_to(work / ".git")
    assert "elsewhere" in refusal(read_folder("a__b", pointer))


def test_the_folder_of_a_linked_work_tree_is_not_read(work, tmp_path, read_folder):
    """`commondir` makes one repository of two folders."""
    git(work, "worktree", "add", "-q", "-b", "other", str(tmp_path / "other"))
    folder = work / ".git" / "worktrees" / "other"
    (folder / "objects").mkdir()
    assert "commondir" in refusal(read_folder("a__b", folder))


@pytest.mark.parametrize("file", ["config", "config.worktree"])
@pytest.mark.parametrize("section", ["include", 'includeIf "gitdir:/"'])
def test_settings_include_no_other_file(work, tmp_path, read_folder, file, section):
    """Neither a secret of this machine nor a pipe."""
    os.mkfifo(tmp_path / "pipe")
    with (work / ".git" / file).open("a") as stream:
        stream.write(f"[{section}]\n\tpath = {tmp_path}/pipe\n")
    assert "includes" in refusal(read_folder("a__b", work))


def test_settings_without_end_are_a_limit(work, read_folder):
    """A configuration of megabytes is not read into memory."""
    with (work / ".git" / "config").open("a") as stream:
        stream.write("[x]\n" + "\ty = " + "z" * 2_000_000 + "\n")
    got = read_folder("a__b", work)
    assert [bad.reason for bad in got.quarantined] == ["limit"]


def test_a_remote_of_megabytes_names_nobody(work, read_folder):
    """A name is as long as names are."""
    git(work, "config", "remote.origin.url", f"https://github.com/a/{'b' * 100_000}")
    assert read_folder("own__name", work).identity.startswith("own/name@")


def test_a_silent_git_is_ended_with_all_it_started(work, tmp_path, read_folder, monkeypatch):
    """Its children, too, and no question is asked again."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "git").write_text(
        f'#!/bin/sh\ncase "$*" in *cat-file*) ;; *) exec {git_program()} "$@";; esac\n'
        f"sleep 1000 & echo $! >> {tmp_path}/children\nwait\n"
    )
    (bin_ / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    got = read_folder("a__b", work, git_seconds=0.5)
    assert [bad.reason for bad in got.quarantined] == ["timeout"]
    assert "git_seconds" in got.quarantined[0].error
    children = [int(line) for line in (tmp_path / "children").read_text().split()]
    assert len(children) == 1
    deadline = time.monotonic() + 20
    while is_running(children[0]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(children[0])


def git_program():
    return subprocess.run(["which", "git"], capture_output=True, text=True).stdout.strip()


def is_running(process):
    try:
        with open(f"/proc/{process}/stat", encoding="ascii") as stream:
            return stream.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


def test_a_name_of_megabytes_costs_its_bytes_alone(work, read_folder):
    """It is passed over, and the file behind it is read."""
    blob = loose(work, "blob", b"int b;\n")
    commit_tree(work, [(b"100644", b"a" * (8 << 20), blob), (b"100644", b"b.c", blob)])
    got = read_folder("tool", work)
    assert got.texts == {"b.c": "int b;\n"}
    assert got.skipped == {"unsafe_path": 1}


def test_a_name_that_is_no_utf8_survives(work, read_folder):
    """Odd bytes show as such."""
    blob = loose(work, "blob", b"int b;\n")
    commit_tree(work, [(b"100644", b"\xff\xed\xa0\x80.c", blob)])
    assert list(read_folder("tool", work).texts) == ["\\xff\\xed\\xa0\\x80.c"]


def test_a_file_that_is_no_blob_costs_itself_alone(work, read_folder):
    """A tree under a file's mode."""
    blob = loose(work, "blob", b"int b;\n")
    tree = git(work, "rev-parse", "HEAD^{tree}")
    commit_tree(work, [(b"100644", b"a.c", tree), (b"100644", b"b.c", blob)])
    got = read_folder("tool", work)
    assert got.texts == {"b.c": "int b;\n"}
    assert [bad.reason for bad in got.quarantined] == ["corrupt"]


def test_a_broken_licence_costs_itself_alone(work, read_folder):
    """The licence is unknown, the other files are read."""
    spoil(work, "LICENSE")
    got = read_folder("tool", work)
    assert list(got.texts) == ["a.c"]
    assert got.rows[0]["license"] is None


def varint(number):
    """As deltas have it: seven bits a byte, the lowest first."""
    data = bytearray()
    while number >= 0x80:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])


def object_header(kind, size):
    """Of an object in a pack."""
    first = kind << 4 | size & 0xF
    rest = size >> 4
    return bytes([first | 0x80 * (rest > 0)]) + (varint(rest) if rest else b"")


def test_an_object_that_needs_more_memory_than_git_may_take(work, read_folder, monkeypatch):
    """Seven bytes that are a delta of 24 MiB: git gives up, the next file is read."""
    monkeypatch.setattr(git_process, "MAX_HEAP_BYTES", 12 << 20)
    base = bytes(24 << 20)
    base_name = sha1(b"blob %d\0" % len(base) + base, usedforsecurity=False).digest()
    delta = varint(len(base)) + varint(7) + b"\x90\x05" + b"\x02;\n"
    objects = object_header(3, len(base)) + zlib.compress(base, 1)
    objects += object_header(7, len(delta)) + base_name + zlib.compress(delta)
    pack = struct.pack(">4sII", b"PACK", 2, 2) + objects
    pack += sha1(pack, usedforsecurity=False).digest()
    subprocess.run(
        ["git", "index-pack", "--stdin"],
        cwd=work,
        env=ENVIRONMENT,
        input=pack,
        check=True,
        capture_output=True,
    )
    small = sha1(b"blob 7\0" + bytes(5) + b";\n", usedforsecurity=False).hexdigest()
    blob = loose(work, "blob", b"int b;\n")
    commit_tree(work, [(b"100644", b"a.c", small), (b"100644", b"b.c", blob)])
    got = read_folder("tool", work)
    assert got.texts == {"b.c": "int b;\n"}
    assert [bad.reason for bad in got.quarantined] == ["corrupt"]
    assert "emory" in got.quarantined[0].error
