// The health document by way of PM2's API, as people write it: /anew connects for each request, /kept once.
"use strict";

const http = require("http");
const os = require("os");
const pm2 = require(process.env.PM2_MODULE);

const connect = () => new Promise((resolve, reject) => pm2.connect((error) => (error ? reject(error) : resolve())));
const list = () => new Promise((resolve, reject) => pm2.list((error, apps) => (error ? reject(error) : resolve(apps))));

function collect(apps) {
  const components = {};
  const now = new Date().toISOString();
  for (const app of apps) {
    components[app.name] = {
      status: app.pm2_env.status === "online" ? "LIVE" : "DOWN",
      pid: app.pid,
      pm2_id: app.pm_id,
      cpu_percent: app.monit.cpu,
      memory_rss_mb: Math.round(app.monit.memory / 1024 / 1024),
      uptime_seconds: (Date.now() - app.pm2_env.pm_uptime) / 1000,
      restart_count: app.pm2_env.restart_time,
      start_time: new Date(app.pm2_env.pm_uptime).toISOString(),
      lastCheck: now,
    };
  }
  const live = Object.values(components).filter((component) => component.status === "LIVE").length;
  return {
    status: live === apps.length ? "HEALTHY" : "DEGRADED",
    components_live: live,
    components_total: apps.length,
    components,
    cpu: { loadAvg1min: os.loadavg()[0], cores: os.cpus().length },
    memory: { total_mb: Math.round(os.totalmem() / 1048576), free_mb: Math.round(os.freemem() / 1048576) },
    uptime: { system_seconds: os.uptime(), process_seconds: process.uptime() },
    platform: os.platform(),
    hostname: os.hostname(),
    timestamp: now,
  };
}

// PM2's client is one for the whole program: who connects and disconnects must not meet another who does.
let turn = Promise.resolve();
function inTurn(task) {
  const mine = turn.then(task);
  turn = mine.catch(() => {});
  return mine;
}

const routes = {
  "/anew": () =>
    inTurn(async () => {
      await connect();
      const apps = await list();
      await new Promise((resolve) => pm2.disconnect(resolve));
      return apps;
    }),
  "/kept": list,
};

let kept = false;
const server = http.createServer(async (request, response) => {
  try {
    if (request.url === "/kept" && !kept) {
      kept = true;
      await inTurn(connect);
    }
    const body = JSON.stringify(collect(await routes[request.url]()));
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
    response.end(body);
  } catch (error) {
    response.writeHead(500, { "content-length": 0 });
    response.end();
    console.error(error);
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
