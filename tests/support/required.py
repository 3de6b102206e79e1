"""What must not be skipped, as CI says."""

import os


def required(what: str) -> bool:
    """Returns whether ``FRILL_REQUIRE`` names it, so that a test must fail rather than skip."""
    return what in os.environ.get("FRILL_REQUIRE", "").split(",")
