#!/usr/bin/env bash
# Marks a commit with a grey check, neither green nor red: the gate gave no verdict.
set -euo pipefail

gh api --method POST "repos/$GITHUB_REPOSITORY/check-runs" -f "name=$TITLE verdict" -f "head_sha=$SHA" \
    -f status=completed -f conclusion=neutral -f "output[title]=no verdict" \
    -f "output[summary]=frill-bench gate ended with $STATUS: see docs/exit-codes.md" --silent ||
    echo "::warning title=no neutral check::the token may not write checks"
