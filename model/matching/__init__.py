"""From embeddings to names: distance, rule, calibration."""
