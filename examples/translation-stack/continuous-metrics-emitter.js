// Measures its host, and sends it to the monitoring server without a pause.
"use strict";

const os = require("os");
const { ask, every, port, serve } = require("./lib/service");

const monitoring = port("MONITORING_PORT");
let emitted = 0;

serve({ name: "metrics-emitter", variable: "TROUBLE_PORT", routes: { "GET /stats": () => ({ emitted }) } });

every(1000, async () => {
  await ask(monitoring, "POST", "/metrics", {
    load_1min: os.loadavg()[0],
    memory_free_mb: Math.round(os.freemem() / 1048576),
    taken_at: new Date().toISOString(),
  });
  emitted += 1;
});
every(5000, () => console.log(`${emitted} measurements emitted, load ${os.loadavg()[0].toFixed(2)}`));
