// The assets and who has them, in memory.
"use strict";

const http = require("http");

const assets = [
  { id: 1, name: "Laptop 14", holder: "Ines" },
  { id: 2, name: "Projector", holder: null },
];

const server = http.createServer((request, response) => {
  const path = new URL(request.url, "http://127.0.0.1").pathname;
  const found = { "/api/assets": assets, "/api/health": { status: "ok" } }[path];
  console.log(`${request.method} ${path} ${found ? 200 : 404}`);
  response.writeHead(found ? 200 : 404, { "content-type": "application/json" });
  response.end(JSON.stringify(found || { error: "not found" }));
});

server.listen(Number(process.env.PORT || 5000), "127.0.0.1", () => console.log(`backend on port ${server.address().port}`));
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => server.close(() => process.exit(0)));
}
