"""From joint positions to joint rotations: a skeleton with a rest pose and constant bones that follows a person.

``rig`` is the skeleton: a T-pose that faces +z, y up, the left arm along +x, whose bones are the held lengths of the
person. ``solve`` finds how it moves, ``limbs`` what arms and legs do, ``feet`` where the toes are, which nobody saw;
``names`` has the names and axes of other programs, ``resample`` even frame times. docs/exports.md has the equations.

Conventions: world axes, metres, y up, right-handed. The global rotation R, 3 x 3, of a joint takes directions of the
T-pose to the world; in the T-pose all are the identity. A joint with parent p is at ``x = x_p + R_p o`` with its
constant offset o, and its local rotation is ``R_p^T R``.
"""
