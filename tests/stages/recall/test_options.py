"""What a configuration of recall may say."""

import pytest
from pydantic import ValidationError

from stages.recall.options import RecallOptions
from tests.stages.recall.small_crawl import OPTIONS


def test_a_person_needs_a_file():
    """Without one there is nowhere to write an answer."""
    with pytest.raises(ValidationError, match="needs `annotations`"):
        RecallOptions(**OPTIONS, annotate="person")


def test_a_seed_file_with_two_roles_is_refused():
    """The same file cannot be positive and negative."""
    with pytest.raises(ValidationError, match=r"code\.jsonl is both code and negatives"):
        RecallOptions(targets={"code": {"seeds": ["a/code.jsonl"]}}, negatives=["b/code.jsonl"])


@pytest.mark.parametrize("name", ["natural", "two words", ""])
def test_a_target_must_be_a_column_name(name):
    """`score_NAME` is a column, and natural means something else."""
    with pytest.raises(ValidationError, match="must be an identifier other than `natural`"):
        RecallOptions(targets={name: {"seeds": ["a"]}})


def test_a_target_without_seeds_and_sites_is_refused():
    """Nothing says what the target is."""
    with pytest.raises(ValidationError, match=r"poetry.*needs `seeds`"):
        RecallOptions(targets={"poetry": {}})
