"""Points of what stands behind the people, followed from frame to frame: what tells how the camera moved.

The value that goes on to lifting is ``BackgroundPoints``.
"""
