"""Tasks on Ray Core: a private Ray on this machine, or a cluster."""
