// As Vite's development server does: serves the page, and tells the browser to load it again when a file changes.
"use strict";

const fs = require("fs");
const http = require("http");
const path = require("path");

const RELOAD = "<script>new EventSource('/@reload').onmessage = () => location.reload();</script>";
const browsers = new Set();

const server = http.createServer((request, response) => {
  if (request.url === "/@reload") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(": connected\n\n");
    browsers.add(response);
    request.on("close", () => browsers.delete(response));
    return;
  }
  const page = fs.readFileSync(path.join(__dirname, "index.html"), "utf8").replace("</body>", `${RELOAD}</body>`);
  response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
});

fs.watch(__dirname, (_event, file) => {
  if (file !== "index.html") return;
  console.log("page reload index.html");
  for (const browser of browsers) browser.write("data: reload\n\n");
});

server.listen(Number(process.env.PORT || 5173), "127.0.0.1", () => {
  console.log(`ready: http://127.0.0.1:${server.address().port}/`);
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
