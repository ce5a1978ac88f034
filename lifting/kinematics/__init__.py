"""What can be read from joints over time: angles of the body with their standard deviations, path, speed and heights.

``joint_angles`` has the angles, ``spread_of`` what errors of joints make of them.
"""
