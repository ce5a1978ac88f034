"""What poses people take: a score network that predicts the noise in a pose, and the diffusion it was trained on.

``load_prior`` reads a ``Prior`` from a file; ``ScoreNetwork`` is the network, ``sde`` the diffusion, ``ControlNetwork``
a branch that adapts it to other bodies.
"""
