"""A virtual handset that shows what a phone showed: a snapshot as files over the handset's tree.

``data`` has the stand-ins of the services that print the phone's texts.
"""
