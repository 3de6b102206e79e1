#!/usr/bin/env bash
# Fetches baseline.tgz of a release into an empty folder: BASELINE is "release" or "release:TAG".
set -euo pipefail

folder="$RUNNER_TEMP/frill-bench-baseline"
tag=()
case "$BASELINE" in
release) ;;
release:?*) tag=("${BASELINE#release:}") ;;
*)
    echo "::error::the baseline is \"release\", \"release:TAG\" or a path, not \"$BASELINE\""
    exit 2
    ;;
esac
rm -rf "$folder"
mkdir -p "$folder"
if ! gh release download "${tag[@]}" --pattern baseline.tgz --output "$folder/baseline.tgz"; then
    echo "::error::no release has baseline.tgz yet: save one (save-baseline) and upload it to a release"
    exit 3
fi
tar -xzf "$folder/baseline.tgz" -C "$folder"
rm "$folder/baseline.tgz"
entries=("$folder"/*)
if [ "${#entries[@]}" -eq 1 ] && [ -d "${entries[0]}" ]; then
    folder="${entries[0]}"
fi
echo "folder=$folder" >> "$GITHUB_OUTPUT"
