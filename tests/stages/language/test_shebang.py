"""Which interpreter the first line asks for, behind whatever starts it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.language.names import name_tables
from stages.language.shebang import interpreter, runners


@pytest.mark.parametrize(
    ("head", "names"),
    [
        (b"#!/bin/sh\n", ("sh", "sh")),
        (b"#! /usr/bin/python3.11 -u\n", ("python3.11", "python")),
        (b"#!/usr/bin/guile-3.0\n", ("guile-3.0", "guile")),
        (b"#!/usr/bin/env -S LANG=C node --flag\n", ("node", "node")),
        (b"#!/usr/bin/env", ("env", "env")),
        (b"#!C:\\Python27\\python.exe -u\r\n", ("python", "python")),
        (b'#!"C:\\xampp\\perl\\bin\\perl.exe"\r\n', ("perl", "perl")),
        (b"#!/usr/bin/xcrun swift\n", ("swift", "swift")),
        (b"#!/bin/sh\neval 'exec perl -wS $0 ${1+\"$@\"}'\n", ("perl", "perl")),
        (b'#!/bin/bash\n#=\nexec julia --color=yes "${BASH_SOURCE[0]}" "$@"\n', ("julia", "julia")),
        (b"#!/usr/bin/env cached-nix-shell\n#!nix-shell -i python3\n", ("python3", "python")),
        (b"#!\r\n", ()),
        (b" #!/bin/sh", ()),
        (b"", ()),
    ],
)
def test_names(head, names):
    """With its version and without; an interpreter nobody knows is a name, too."""
    assert tuple(interpreter(head)) == names


LINES = {
    "-i bash": "bash",
    "-u PYTHONPATH python3 -u": "python",
    "-iS python3 -u": "python",
    "-vS perl -w": "perl",
    "--split-string=ruby -w": "ruby",
    "-Sfish --no-config": "fish",
    '-S FOO="a b" -C /tmp bash -eu': "bash",
    "uv run --group dev zsh": "zsh",
    "-S uv run --script": "python",
    "-S uv run --python 3.12 --with rich -- python": "python",
    "-S uv run --with ruamel.yaml ruby": "ruby",
    "-S uvx ipython": "ipython",
    "-S poetry -C /x run bash -e": "bash",
    "-S poetry run python3 -u": "python",
    "-S pdm run": "python",
    "-S pipx run": "python",
    "-S hatch run dev:python": "python",
    "-S pipenv run python": "python",
    "-S conda run -n lab Rscript --vanilla": "Rscript",
    "-S micromamba run -p /opt/x python": "python",
    "npx ts-node": "ts-node",
    "-S npx -p typescript -p tsx tsx@4": "tsx",
    "-S npx some-tool": "node",
    "-S pnpm exec tsx": "tsx",
    "-S bundle exec ruby": "ruby",
    "-S bundle exec rspec": "ruby",
    "-S mise x python@3.12 -- python": "python",
    "-S asdf exec elixir": "elixir",
    "-S direnv exec . python": "python",
    "-S nix shell nixpkgs#jq nixpkgs#bash --command bash": "bash",
    "-S guix shell python -- python3": "python",
    "-S docker run --rm -v /a:/b python:3.12 python": "python",
    "-S sudo -u bob timeout 10 nice -n 5 python3": "python",
    "-S busybox sh": "sh",
    "-S unheard run -- ruby": "ruby",
    "-S deno run --allow-net": "deno",
    "-S cargo +nightly -Zscript": "cargo",
    "-S awk -f": "awk",
}


@pytest.mark.parametrize("line", LINES)
def test_what_only_starts_another_is_looked_through(line):
    """Environments, package managers, options with values, assignments, tags."""
    exact, name = interpreter(f"#!/usr/bin/env {line}\n".encode())
    assert LINES[line] in (exact, name)
    assert {exact, name} & set(name_tables().by_interpreter)


SCRIPTS = {
    '#!/usr/bin/env nix-shell\n#!nix-shell -i ruby -p "ruby.with (p: [ p.rake ])"\n': "ruby",
    "#!/usr/bin/nix-shell --pure\n#! nix-shell -p python3 jq\n#! nix-shell -i bash\n": "bash",
    '#!/usr/bin/env nix-shell\n#! nix-shell -i "perl -w" -p perl\n': "perl",
    "#!/usr/bin/env nix-shell\n--[[\n#!nix-shell -i lua -p lua\n]]\n": "lua",
    "#!/usr/bin/env -S nix-shell -i node\n": "node",
    "#!/usr/bin/env nix\n#! nix shell nixpkgs#python3 --command python3\n": "python",
    "#!/usr/bin/env nix-shell\n{ pkgs ? import <nixpkgs> {} }: pkgs.hello\n": "nix-shell",
    '#!/bin/sh\n# \\\nexec tclsh "$0" ${1+"$@"}\n': "tclsh",
    '#!/bin/bash\n"exec" "python3" "-u" "$0" "$@"\n': "python",
    '#!/bin/sh\n\':\' //; exec node "$0" "$@"\n': "node",
    "#!/bin/sh\n''''exec python3 -- \"$0\" \"$@\" # '''\n": "python",
    '#!/bin/sh\nexec env uv run ruby "${0}"\n': "ruby",
    '#!/bin/sh\nexec sudo "$0" "$@"\n': "sh",
    "#!/bin/sh\nexec /usr/bin/make all\n": "sh",
    '#!/bin/bash\nexec python3 "$0.py"\n': "bash",
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_later_lines_may_say_more(script):
    """Of nix-shell, and of a shell that hands the file over."""
    assert SCRIPTS[script] in interpreter(script.encode())


def test_runners_start_what_is_known():
    """A default is an interpreter; an option does not both take a value and name the command."""
    for runner in runners().values():
        assert runner.default is None or runner.default in name_tables().by_interpreter
        assert not set(runner.values) & set(runner.command)


PIECES = [
    "env",
    "-S",
    "uv",
    "run",
    "--",
    "nix-shell",
    "-i",
    "#!",
    "'",
    '"',
    "exec $0",
    "\n",
    "=",
    "a",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.binary(max_size=40))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_any_line_is_settled(pieces, tail):
    """Quotes that stay open, runners of runners, bytes of any kind."""
    assert len(interpreter(b"#!" + " ".join(pieces).encode() + tail)) in (0, 2)
