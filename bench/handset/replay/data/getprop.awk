# First file: KEY=VALUE lines that were set on top, the last one counts. Second file: what getprop printed.
FNR == 1 { file++ }
file == 1 {
  at = index($0, "=")
  if (at > 1) { key = substr($0, 1, at - 1); if (!(key in top)) keys[++count] = key; top[key] = substr($0, at + 1) }
  next
}
# A value may have several lines.
skipping { if (/\]\r?$/) skipping = 0; next }
/^\[[^]]+\]: \[/ {
  key = substr($0, 2, index($0, "]") - 2)
  if (key in top) {
    print "[" key "]: [" top[key] "]"
    done[key] = 1
    skipping = !/\]\r?$/
    next
  }
}
{ print }
END { for (i = 1; i <= count; i++) if (!(keys[i] in done)) print "[" keys[i] "]: [" top[keys[i]] "]" }
