# First file: "set KEY VALUE" and "kernel KEY VALUE", what was set wins; second file: what the service printed.
BEGIN {
  split("ac usb wireless dock counter status present level voltage temp", keys, " ")
  split("AC powered,USB powered,Wireless powered,Dock powered,Charge counter,status,present,level,voltage,temperature", names, ",")
  for (i in keys) name_of[keys[i]] = names[i]
  words["Charging"] = 2; words["Discharging"] = 3; words["Not charging"] = 4; words["Full"] = 5
}
FNR == 1 { file++ }
file == 1 {
  key = $2; value = $0
  sub(/^[^ ]+ [^ ]+ ?/, "", value)
  if ($1 == "set") { stopped = 1; set[key] = 1 }
  else {
    if (key in set) next
    if (key == "status") value = (value in words) ? words[value] : 1
    if (key == "voltage") value = int(value / 1000)
    if (key == "ac" || key == "usb") value = value == 1 ? "true" : "false"
  }
  if (key in name_of) new[name_of[key]] = value
  next
}
FNR == 1 && stopped { print; print "  (UPDATES STOPPED -- use 'reset' to restart)"; next }
{
  at = index($0, ": ")
  key = substr($0, 1, at - 1); sub(/^ +/, "", key)
  # The first line of each key counts: makers add others.
  if (at && (key in new)) { print substr($0, 1, at + 1) new[key]; delete new[key] } else print
}
