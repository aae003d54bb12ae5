"""What one event says of a discussion."""

import io
import json

import pytest

from stages.github.gharchive.discussions import Discussion, bots, discussion_of
from stages.github.gharchive.events import read_events
from stages.github.metadata import WrongField
from tests.stages.github.gharchive.feed import Feed, Timeline, Trimmed

REPO = (42, "octo/cat")
AT = "2020-05-06T07:08:09Z"


def said(row):
    [event] = read_events(io.BytesIO(json.dumps(row).encode()))
    return discussion_of(event)


def test_an_issue():
    """Title, text and who opened it; lines end as everywhere."""
    found = said(Feed().issue(REPO, 7, "It fails", "One\r\ntwo", at=AT, user="Alice"))
    assert (found.number, found.is_pull, found.title) == (7, False, "It fails")
    assert (found.body, found.author, found.comment) == ("One\ntwo", "alice", None)


def test_a_comment():
    """It comes with title and text as they were then."""
    found = said(Feed().comment(REPO, 7, 99, "Me too", at=AT, title="It fails", body=None))
    assert (found.number, found.title, found.body) == (7, "It fails", "")
    assert (found.comment.id, found.comment.text, found.comment.author) == (99, "Me too", "bob")


def test_a_pull_request_and_a_comment_on_its_lines():
    """The comment names its file."""
    found = said(Feed().pull(REPO, 3, "Add x", "It adds x", at=AT))
    assert (found.number, found.is_pull, found.title) == (3, True, "Add x")
    found = said(Feed().review_comment(REPO, 3, 5, "Why?", at=AT))
    assert (found.comment.on, found.comment.path) == ("review_comment", "src/thing.py")


def test_a_review():
    """Its summary is a comment; one without words is none."""
    payload = Feed().pull(REPO, 3, "Add x", "It adds x", at=AT)["payload"]
    review = {"id": 1, "user": {"login": "bob"}, "submitted_at": AT, "body": "Fine."}
    row = Feed().event("PullRequestReviewEvent", {**payload, "review": review}, at=AT, repo=REPO)
    assert said(row).comment.text == "Fine."
    review["body"] = None
    assert said(row).comment is None


def test_trimmed_pull_requests_have_no_words():
    """A review comment has its own, and no title."""
    assert said(Trimmed().pull(REPO, 3, at=AT)).reason == "no_text"
    found = said(Trimmed().review_comment(REPO, 3, 5, "Why?", at=AT))
    assert (found.number, found.title, found.comment.text) == (3, None, "Why?")


def test_the_timeline():
    """It has pull requests, and of comments their numbers."""
    at = "2013/05/06 07:08:09 -0700"
    assert said(Timeline().comment(REPO, at=at)).reason == "no_text"
    assert said(Timeline().pull(REPO, 3, "Add x", "It adds x", at=at)).title == "Add x"


@pytest.mark.parametrize("bot", ["dependabot[bot]", "codecov-io", "K8s-ci-robot"])
def test_words_of_programs(bot):
    """A comment is none; of what one opened there is the title, if a person has commented."""
    found = said(Feed().comment(REPO, 7, 99, "Coverage fell", at=AT, user=bot))
    assert (found.title, found.comment) == ("A title", None)
    assert said(Feed().issue(REPO, 7, "Bump", "…", at=AT, user=bot)).reason == "bot"
    found = said(Feed().comment(REPO, 7, 99, "Thanks", at=AT, author=bot, title="Bump"))
    assert (found.title, found.body, found.comment.text) == ("Bump", "", "Thanks")
    assert said(Feed().comment(REPO, 7, 9, "x", at=AT, user=bot, author=bot)).reason == "bot"


def test_other_events():
    """They are about no discussion."""
    assert said(Feed().push(REPO, at=AT)).reason == "other_event"


def test_what_cannot_be():
    """A title that is a number costs the event."""
    row = Feed().issue(REPO, 7, "x", "y", at=AT)
    row["payload"]["issue"]["title"] = 5
    with pytest.raises(WrongField, match="title = 5"):
        said(row)


def test_half_a_character():
    """JSON can write a surrogate alone; no text can hold it."""
    found = said(Feed().issue(REPO, 7, "x", "a\ud83d", at=AT))
    assert isinstance(found, Discussion)
    assert found.body == "a?"


def test_the_table_of_bots():
    """Every row is an account name in lower case, once, in order."""
    assert len(bots()) > 30
    for name in bots():
        assert name == name.lower().strip()
        assert name.replace("-", "").isalnum()
