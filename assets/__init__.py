"""What everything else stands on, and imports nothing of it: the shipped files, and the reading of files that are not.

``integrity`` finds a shipped file and compares it with the manifest; ``untrusted`` reads every file that a user gives.
"""
