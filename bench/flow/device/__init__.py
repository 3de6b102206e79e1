"""The devices: this machine and phones, whether they are ready, and what a check finds there."""
