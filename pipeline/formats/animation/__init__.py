"""People as skeletons with rotations, for programs that animate: Blender, Unreal, retargeters to robots.

``skeletons`` gives the motion of everybody on the skeleton that was asked for; one module for each format writes it.
"""
