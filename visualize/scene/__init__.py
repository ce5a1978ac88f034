"""The 3D panel: people as capsules on a floor, seen by a camera that goes around them.

``SkeletonScene`` draws it, ``estimate_world`` finds the floor, ``orbit`` places the viewpoint, ``figure`` the limbs.
"""
