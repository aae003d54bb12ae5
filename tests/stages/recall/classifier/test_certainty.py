"""The bootstrap over domains, and what a domain weighs where a precision is asked for."""

import numpy as np

from stages.recall.classifier.calibrate import calibrate, judge
from stages.recall.classifier.certainty import bootstrap, number_groups


def test_pages_of_few_domains_are_few_observations() -> None:
    """The same pages, nine of ten right: of one domain each, or of four, one of which is wrong."""
    positive = np.ones(40, bool)
    recalled = np.arange(40) >= 4
    alone = bootstrap(positive, recalled, np.arange(40))
    together = bootstrap(positive, recalled, np.repeat([0, 1, 2, 3], [4, 12, 12, 12]))
    assert (alone.n_domains, together.n_domains) == (40, 4)
    assert alone.f1[0] > together.f1[0]
    assert alone.f1[1] <= together.f1[1] == 1.0
    assert bootstrap(positive, recalled, np.arange(40)) == alone


def test_one_domain_gives_no_spread_and_none_all() -> None:
    """With nothing to draw from, nothing is known."""
    flags = np.array([True, True, False])
    single = bootstrap(flags, flags, np.zeros(3, np.int64))
    assert single.f1 == single.precision == (1.0, 1.0)
    assert bootstrap(flags[:0], flags[:0], np.zeros(0, np.int64)).f1 == (0.0, 1.0)


def test_domains_are_numbered_over_both_classes() -> None:
    """A domain of both classes is one; without names every document is one."""
    below, above = number_groups((["a", "b", "a"], ["b", "c"]), (3, 2))
    assert below.tolist() == [0, 1, 0]
    assert above.tolist() == [1, 2]
    assert [one.tolist() for one in number_groups((None, None), (2, 1))] == [[0, 1], [2]]


def test_a_large_site_that_goes_wrong_is_one_mistake() -> None:
    """Thirty pages of one negative site score above half of the positives: counted by pages, the
    asked precision wants a threshold above them; counted by domains it does not."""
    positives = np.repeat([2.0, 0.5], 20)
    negatives = np.repeat([1.0, -1.0], [30, 70])
    sites = np.concatenate([np.zeros(30, np.int64), 1 + np.arange(70) // 8])
    by_page = calibrate(positives, negatives, 0.7)
    by_domain = calibrate(positives, negatives, 0.7, (np.arange(100, 140), sites))
    assert judge(by_page, positives, negatives).recall == 0.5
    assert judge(by_domain, positives, negatives).recall == 1.0
