"""The ablation of a run: what rules alone keep against the whole chain, by the models they make."""
