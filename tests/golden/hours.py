"""Two hours of GH Archive: discussions scattered over both, in all forms of the feed."""

from pathlib import Path

from tests.stages.github.gharchive.feed import Feed, Timeline, Trimmed, hour

CAT, LYNX, NEW = (1, "octo/cat"), (1, "octo/lynx"), (9, "octo/cat")


def write_hours(folder: Path) -> None:
    """Issues, pull requests, a rename, a name that changed hands, bots, broken lines."""
    folder.mkdir(parents=True)
    feed, at = Feed(), "2020-05-0{}T12:00:00Z".format
    first = [
        feed.created(CAT, at=at(1)),
        feed.issue(CAT, 7, "It fails", "Steps:\r\n\r\n1. @bob, see `@Override`", at=at(1)),
        feed.comment(CAT, 7, 12, "Fixed, thanks @bob", at=at(4), user="alice"),
        feed.comment(CAT, 7, 13, "Coverage fell", at=at(5), user="codecov-io"),
        feed.push(CAT, at=at(1)),
        b'{"type": "Iss',
        Timeline().pull(CAT, 1, "Old", "From the timeline", at="2013/05/01 01:00:00 -0800"),
        Timeline().comment(CAT, at="2013/05/01 01:00:00 -0800"),
    ]
    second = [
        feed.comment(CAT, 7, 11, "Which version?", at=at(2)),
        feed.comment(CAT, 7, 14, "", at=at(3), action="deleted"),
        feed.review_comment(LYNX, 3, 5, "Why?", at=at(6)),
        feed.pull(LYNX, 3, "Add a thing", "It adds it.", at=at(5), stars=9),
        feed.fork(LYNX, (4, "me/lynx"), at=at(6)),
        feed.watch(LYNX, at=at(6)),
        feed.issue(NEW, 7, "Another project", None, at=at(8)),
        Trimmed().pull(NEW, 8, at=at(9)),
        {**feed.watch(CAT, at=at(1)), "repo": {"name": "/"}},
    ]
    (folder / "2020-05-09-0.json.gz").write_bytes(hour(*first))
    (folder / "2020-05-09-1.json.gz").write_bytes(hour(*second))
