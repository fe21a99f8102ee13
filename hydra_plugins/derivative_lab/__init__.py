"""What Hydra takes from the laboratory; it looks for it in the namespace ``hydra_plugins`` only."""
