"""How long things take on this machine: lifting, detectors and the live mode, each with its own report."""
