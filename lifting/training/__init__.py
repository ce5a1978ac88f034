"""Training of the prior and of the initialiser: what is drawn, what is made small, and the loop around both.

``fit`` in ``engine`` runs any training; ``prior``, ``adapt`` and ``initial`` say what is learnt. Recordings come from
``mocap``, what is made of them from ``variety``.
"""
