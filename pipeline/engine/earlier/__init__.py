"""Earlier runs, whose documents a run is compared with."""
