// Carries measurements from the monitoring server to the database API.
"use strict";

const { ask, every, port, serve } = require("./lib/service");

const monitoring = port("MONITORING_PORT");
const database = port("DATABASE_API_PORT");
let carried = 0;

serve({ name: "monitoring-bridge", variable: "TROUBLE_PORT", routes: { "GET /stats": () => ({ carried }) } });

every(2000, async () => {
  const metrics = await ask(monitoring, "GET", "/metrics");
  if (!metrics.latest) return;
  await ask(database, "POST", "/api/snapshots", metrics.latest);
  carried += 1;
});
every(6000, () => console.log(`${carried} snapshots carried to the database`));
