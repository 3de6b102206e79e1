#!/usr/bin/env bash
# One gate. All inputs come as variables, so that no text of theirs is run as a command.
set -euo pipefail

device=()
if [ "${HOST:-false}" = true ]; then
    device=(--host)
fi
if [ -z "${ANDROID_SERIAL:-}" ]; then
    unset ANDROID_SERIAL
fi
read -ra more <<< "${FLAGS:-}"

if [ -n "${SAVE_BASELINE:-}" ]; then
    exec frill-bench gate --candidate "$CANDIDATE" --save-baseline "$SAVE_BASELINE" "${device[@]}" "${more[@]}"
fi

out="$RUNNER_TEMP/frill-bench-gate" # GitHub empties RUNNER_TEMP before each job
mkdir -p "$out"
db="${DB/#\~/$HOME}"
mkdir -p "$(dirname "$db")"
printf 'folder=%s\njunit=%s\npage=%s\ncomment=%s\nlog=%s\n' \
    "$out" "$out/gate.xml" "$out/gate.html" "$out/comment.md" "$out/gate.jsonl" >> "$GITHUB_OUTPUT"

gate() {
    frill-bench gate --baseline "$BASELINE" --candidate "$CANDIDATE" "${device[@]}" --db "$db" \
        --undecided "$UNDECIDED" --max-minutes "$MAX_MINUTES" --margin "$MARGIN" \
        --log "$out/gate.jsonl" --junit "$out/gate.xml" --page "$out/gate.html" \
        --comment "$out/comment.md" --summary "$GITHUB_STEP_SUMMARY" "${more[@]}"
}

status=0
gate || status=$?
if [ "$status" -eq 3 ]; then # the device or a machine failed: continue once
    sleep "$RETRY_AFTER_S"
    status=0
    gate || status=$?
fi

neutral=false
case "$status" in
0) verdict=passed ;;
1) verdict=regressed ;;
2) verdict=refused ;;
3) verdict="no verdict" neutral=true ;;
4)
    verdict=failed
    if ! grep -qs "<error" "$out/gate.xml"; then # no model failed: the device was unfit
        verdict="no verdict" neutral=true
    fi
    ;;
5)
    verdict=undecided
    if [ "$UNDECIDED" != slower ]; then # that one was asked to be red
        neutral=true
    fi
    ;;
130) verdict=interrupted ;;
*) verdict=error ;;
esac
printf 'status=%s\nverdict=%s\nneutral=%s\n' "$status" "$verdict" "$neutral" >> "$GITHUB_OUTPUT"
"$neutral" || exit "$status"
