"""Which groups (domains, repositories) are held out together."""

from collections import Counter
from collections.abc import Sequence


def deal_groups(positives: Sequence[str], negatives: Sequence[str], n_folds: int) -> dict[str, int]:
    """Group → fold. The groups with most positives first, each to the fold that has the fewest;
    then the largest of the others, each to the smallest fold."""
    n_positives, sizes = Counter(positives), Counter(positives) + Counter(negatives)
    filled, total = [0] * n_folds, [0] * n_folds
    dealt = {}
    for group in sorted(sizes, key=lambda group: (-n_positives[group], -sizes[group], group)):
        own = n_positives[group]
        fold = min(range(n_folds), key=lambda one: (filled[one] if own else 0, total[one]))
        dealt[group] = fold
        filled[fold] += own
        total[fold] += sizes[group]
    return dealt
