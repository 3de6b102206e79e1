#!/usr/bin/env bash
# Where frill-bench is installed (place), and its installation once per set of versions (install).
# A runner on a machine of its own keeps the folder; on GitHub's machines actions/cache does.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
runner=hosted
if [ "${RUNNER_ENVIRONMENT:-}" = self-hosted ]; then  # two runners of one machine do not share
    runner=${RUNNER_NAME//[^A-Za-z0-9_.-]/_}
fi
versions=$({ cat "$root/setup.cfg" "$root/constraints.txt"; echo "$root ${EXTRAS:-}"; python3 -VV; } | sha256sum)
key="frill-bench-${RUNNER_OS:-os}-${RUNNER_ARCH:-arch}-$runner-${versions:0:16}"
venv="$HOME/.cache/frill-bench-ci/$key"

case "$1" in
place)
    printf 'venv=%s\nkey=%s\n' "$venv" "$key" >> "$GITHUB_OUTPUT"
    ;;
install)
    if ! "$venv/bin/frill-bench" --help > /dev/null 2>&1; then
        python3 -m venv --clear "$venv"
        "$venv/bin/pip" install --quiet -e "$root${EXTRAS:+[$EXTRAS]}" -c "$root/constraints.txt"
    fi
    echo "$venv/bin" >> "$GITHUB_PATH"
    ;;
esac
