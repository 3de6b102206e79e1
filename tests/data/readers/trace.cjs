// Prints the processes, threads, complete events and counters that trace-model finds in a trace.
const { readFileSync } = require("fs");
const { buildModel } = require("@tracerbench/trace-model");

const model = buildModel(JSON.parse(readFileSync(process.argv[2], "utf8")));
const tracks = model.processes.map((each) => ({
  name: each.name,
  threads: each.threads.map((thread) => ({
    name: thread.name,
    slices: thread.events
      .filter((event) => event.isComplete())
      .map((event) => [event.name, event.start, event.duration, event.parent === undefined]),
  })),
  counters: each.events.filter((event) => event.isCounter()).length,
}));
console.log(JSON.stringify({
  tracks, version: require("@tracerbench/trace-model/package.json").version,
}));
