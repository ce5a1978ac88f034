"""Files of our own making: ``atomic_path`` lets them appear whole or not at all, ``Workspace`` lets a run go on."""
