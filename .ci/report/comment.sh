#!/usr/bin/env bash
# Writes a gate's Markdown as a comment on its pull request: one comment per title, found again by a
# hidden first line and then edited. What GitHub refuses is a warning, and never fails the job: a
# pull request from a fork has a token that may only read.
set -euo pipefail

give_up() {
    echo "::warning title=no comment on the pull request::$1"
    exit 0
}

test -s "$COMMENT" || give_up "the gate left no $COMMENT"
if [ -z "$PULL_REQUEST" ]; then
    PULL_REQUEST=$(gh api "repos/$GITHUB_REPOSITORY/commits/$SHA/pulls" \
        --jq '[.[] | select(.state == "open")][0].number // empty') ||
        give_up "the pull requests of $SHA cannot be read"
fi
if [ -z "$PULL_REQUEST" ]; then
    echo "no open pull request has the commit $SHA"
    exit 0
fi

marker="<!-- frill-bench: ${TITLE//[^A-Za-z0-9 _.()-]/_} -->"
body="$COMMENT.body"
{
    echo "$marker"
    cat "$COMMENT"
    printf '\n<sub>%s of %s, [all outputs](%s)</sub>\n' "${TITLE//[^A-Za-z0-9 _.()-]/_}" "$SHA" \
        "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID"
} > "$body"

# Only comments of our own are edited: anybody could write the hidden line. The token of a job
# cannot ask who it is.
me=$(gh api user --jq .login 2> /dev/null) || me="github-actions[bot]"
comments="repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments"
known=$(gh api --paginate "$comments?per_page=100" \
    --jq '.[] | "\(.id)\t\(.user.login)\t\(.body | split("\n")[0])"') ||
    give_up "the comments of pull request $PULL_REQUEST cannot be read"
ours=""
while IFS=$'\t' read -r id author first; do
    if [ "$author" = "$me" ] && [ "${first%$'\r'}" = "$marker" ]; then
        ours=$id
        break
    fi
done <<< "$known"

if [ -n "$ours" ]; then
    gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$ours" -F "body=@$body" --silent ||
        give_up "comment $ours cannot be edited"
    echo "edited comment $ours"
else
    gh api --method POST "$comments" -F "body=@$body" --silent ||
        give_up "the token may not comment, as in a pull request from a fork"
    echo "commented on pull request $PULL_REQUEST"
fi
