// Keeps the snapshots that the bridge posts, newest last, in memory.
"use strict";

const { every, serve } = require("./lib/service");

const MOST = 1000;
const snapshots = [];

serve({
  name: "database-api-server",
  routes: {
    "POST /api/snapshots": (_query, body) => {
      snapshots.push({ stored_at: new Date().toISOString(), snapshot: body });
      if (snapshots.length > MOST) snapshots.shift();
      return { stored: snapshots.length };
    },
    "GET /api/snapshots": (query) => {
      const limit = Math.min(Math.max(Number(query.get("limit")) || 20, 1), MOST);
      return { total: snapshots.length, snapshots: snapshots.slice(-limit) };
    },
    "GET /api-health": () => ({ status: "API is healthy" }),
  },
});

every(5000, () => console.log(`${snapshots.length} snapshots stored`));
