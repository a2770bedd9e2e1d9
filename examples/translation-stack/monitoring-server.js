// Gathers what the metrics emitter measures, and pushes it to WebSocket clients.
"use strict";

const { every, serve } = require("./lib/service");
const websocket = require("./lib/websocket");

let latest = null;
let received = 0;

const server = serve({
  name: "monitoring-server",
  routes: {
    "POST /metrics": (_query, body) => {
      latest = { ...body, received_at: new Date().toISOString() };
      received += 1;
      push.send(latest);
      return { received };
    },
    "GET /metrics": () => ({ received, latest }),
  },
});
const push = websocket.attach(server);

every(5000, () => console.log(`${received} measurements received, ${push.clients()} WebSocket clients`));
