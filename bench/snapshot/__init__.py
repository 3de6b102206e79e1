"""Snapshots of phones: all that the program reads from one, as a folder of raw texts.

``layout.py`` is the folder, which the virtual handset replays too.
"""
