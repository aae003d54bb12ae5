"""The sites that are known for a target."""

from pathlib import Path

import pytest

from stages.recall.sites.site_lists import known_sites, seed_sites

SEEDS = Path(__file__).resolve().parents[4] / "seeds"


@pytest.mark.parametrize("target", ["code", "math"])
def test_known_sites_are_distinct_domains(target):
    """The seed list loads, has no repeats and only registrable-looking names."""
    sites = list(known_sites(target))
    assert len(sites) == len(set(sites)) > 10
    assert all("." in site and "/" not in site and site == site.lower() for site in sites)
    assert known_sites("poetry") == ()
    seeds = dict(seed_sites({target: None}))[target]
    assert all(any(site in seed for site in sites) for seed in seeds)
    assert seed_sites({target: (), "poetry": None}) == ()


@pytest.mark.parametrize("table", sorted(path.stem for path in SEEDS.glob("*.toml")))
def test_a_target_may_be_called_as_a_table_of_seeds(table):
    """Where that lists no sites, the target has none."""
    assert seed_sites({table: ()}) == ()
    sites = dict(seed_sites({table: None})).get(table, ())
    assert bool(sites) == bool(known_sites(table))
