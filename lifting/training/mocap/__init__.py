"""Motion capture files become poses of 17 joints in metres: ``parse_bvh`` reads, ``apply_map`` maps their skeletons.

``motion`` finds units and the upward axis, ``motion_checks`` refuses what cannot be a person.
"""
