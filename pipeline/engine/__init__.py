"""How a run goes: the chain of stages, what is stale, tasks and where they run, what comes back."""
