"""Where the optimiser begins: ``LearntInitialiser`` asks a network, ``GridInitialiser`` turns template poses.

``InitialNetwork`` sees what ``view_features`` makes of rays; ``load_templates`` reads both from the shipped files.
"""
