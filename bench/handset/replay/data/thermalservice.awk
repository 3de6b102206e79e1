# First file: "override STATUS" and what was heated; second file: what the service printed.
function kind_of(name) {
  name = tolower(name)
  if (name ~ /skin/) return 3
  if (name ~ /^bat/) return 2
  if (name ~ /gpu/) return 1
  return name ~ /cpu/ ? 0 : -2
}
function field(line, name,    at, rest) {
  at = match(line, "[ .m{]" name " ?= ?[^],}]*")
  if (!at) return ""
  rest = substr(line, RSTART, RLENGTH)
  sub(/^[^=]*= ?/, "", rest)
  return rest
}
# Java's text of a float, of thousandths.
function celsius(milli,    text) {
  text = sprintf("%.3f", milli / 1000)
  sub(/0+$/, "", text)
  return text ~ /\.$/ ? text "0" : text
}
# The highest status whose temperature is reached; the sensor's own where its limits are not shown.
function status_of(name, milli, own,    i, n, hot, reached) {
  if (!(name in limits)) return own
  n = split(limits[name], hot, /, */)
  for (i = 1; i <= n; i++) if (hot[i] != "NaN" && hot[i] + 0 == hot[i] + 0 && milli / 1000 >= hot[i] + 0) reached = i - 1
  return reached + 0
}
FNR == 1 { file++ }
file == 1 {
  what = $1; value = $2; name = $0
  sub(/^[^ ]+ [^ ]+ ?/, "", name)
  if (what == "override") override = value
  else if (what == "sensor") heat[name] = value
  else { zone[name] = value }
  next
}
{ line[++count] = $0 }
/Temperature\{/ && !/Threshold/ { sensors[field($0, "[nN]ame")] = 1 }
/^Current temperatures from HAL/ { shows_current = 1 }
/[hH]otThrottlingThresholds ?[=:] ?\[/ {
  hot = $0
  sub(/.*hotThrottlingThresholds ?[=:] ?\[/, "", hot); sub(/.*HotThrottlingThresholds ?[=:] ?\[/, "", hot)
  sub(/\].*/, "", hot)
  limits[field($0, "[nN]ame")] = hot
}
END {
  # A zone heats the sensor of its name; where there is none, those of its kind.
  for (name in zone) { if (name in sensors) heat[name] = zone[name]; else heated[kind_of(name)] = zone[name] }
  for (i = 1; i <= count; i++) {
    if (line[i] ~ /^Cached temperatures/) cached = shows_current
    if (line[i] ~ /^Current temperatures/) cached = 0
    if (line[i] !~ /Temperature\{/ || line[i] ~ /Threshold/) continue
    name = field(line[i], "[nN]ame"); kind = field(line[i], "[tT]ype"); own = field(line[i], "[sS]tatus")
    is_heated = (name in heat) || (kind in heated)
    if (is_heated) {
      milli = (name in heat) ? heat[name] : heated[kind]
      status = status_of(name, milli, own)
      if (kind == 3 && !cached) any_skin = 1
      # What is cached is what a sensor had when its status changed last.
      if (!cached || status != own) {
        sub(/[vV]alue ?= ?[^,}]*/, (line[i] ~ /mValue/ ? "Value=" : "value = ") celsius(milli), line[i])
        sub(/[sS]tatus ?= ?[^,}]*/, (line[i] ~ /mStatus/ ? "Status=" : "status = ") status, line[i])
      }
      own = status
    }
    if (kind == 3 && !cached && own + 0 > skin) skin = own + 0
  }
  for (i = 1; i <= count; i++) {
    if (line[i] ~ /^IsStatusOverride:/ && override != "") line[i] = "IsStatusOverride: true"
    if (line[i] ~ /^Thermal Status:/) {
      if (override != "") line[i] = "Thermal Status: " override
      else if (any_skin) line[i] = "Thermal Status: " skin + 0
    }
    print line[i]
  }
}
