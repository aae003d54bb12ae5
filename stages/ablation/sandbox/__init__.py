"""Running programs nobody has read: namespaces, limits, a watchdog."""
