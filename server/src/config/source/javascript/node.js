// Evaluates the configuration that is named on the command line, and prints what it exports as one JSON document.
const { writeFileSync } = require("fs");
const { pathToFileURL } = require("url");

// What the file prints must not get between.
process.stdout.write = process.stderr.write.bind(process.stderr);

function answer(document) {
  writeFileSync(1, JSON.stringify(document));
  process.exit(0);
}

import(pathToFileURL(process.argv[1]).href)
  .then(async (module) => {
    const value = await ("default" in module ? module.default : module);
    if (typeof value === "function") throw new Error("it exports a function; export the configuration itself");
    answer({ value, env: process.env });
  })
  .catch((error) => answer({ error: { message: String(error), stack: String(error?.stack ?? "") } }));
