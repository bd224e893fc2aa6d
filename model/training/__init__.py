"""Training of the network: configuration, batches, losses, checkpoints and the loop."""
