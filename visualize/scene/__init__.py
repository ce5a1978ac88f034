"""The 3D panel: people as capsules on a floor, seen by a camera that goes around them.

``SkeletonScene`` draws it, ``orbit`` places the viewpoint, ``figure`` the limbs.
"""
