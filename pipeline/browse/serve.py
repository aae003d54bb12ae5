"""`sluice browse RUN`: the page on this machine's loopback."""

import secrets
from collections.abc import Callable
from pathlib import Path

from pipeline.browse.app import make_app
from pipeline.browse.judged_tables import JudgedTables
from pipeline.browse.judging import Judging
from pipeline.browse.looking import Looking
from pipeline.inspection.counted import counted
from pipeline.inspection.views import open_run
from pipeline.local_page.serving import bind, login_name, serve
from pipeline.storage.location import location, open_storage
from schemas.audit import AUDIT_FILE

MAX_SEED = 10**6


def browse(
    run: Path,
    *,
    say: Callable[[str], None],
    author: str | None = None,
    seed: int | None = None,
    port: int = 0,
) -> None:
    """Serve the page until the person ends it with Ctrl-C. `say` gets each line to print."""
    with open_run(run) as (connection, views), bind(port) as listener:
        tables = JudgedTables(views)
        looking = Looking(connection, views)
        judging = Judging(open_storage(run), author or login_name())
        chosen = secrets.randbelow(MAX_SEED) if seed is None else seed
        say(f"{location(run)}: {counted(judging.n_judged, 'verdict')} judged so far; seed {chosen}")
        say(f"judgements go to {location(run)}/{AUDIT_FILE}, as {judging.author}")
        serve(
            listener,
            lambda token, bound: make_app(
                tables, looking, judging, run=location(run), seed=chosen, token=token, port=bound
            ),
            say,
        )
        say(f"{counted(len(judging.session), 'judgement')} of this session in {AUDIT_FILE}")
