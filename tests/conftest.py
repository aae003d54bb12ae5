"""Settings for the whole suite: the same examples every time, no time limits on shared machines."""

from hypothesis import settings

settings.register_profile("sluice", deadline=None, derandomize=True)
settings.load_profile("sluice")
