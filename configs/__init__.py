"""Settings that ship: ``wild.toml`` for any video, a file per data set, and how the shipped networks were trained."""
