// What every service of the stack has: an HTTP server on the loopback address, JSON, an orderly end, and trouble on request.
"use strict";

const http = require("http");
const trouble = require("./trouble");

const HOST = "127.0.0.1";
const MAX_BODY = 1 << 20;

/** The number in an environment variable; the program ends where it is missing. */
function port(variable) {
  const value = Number(process.env[variable]);
  if (!Number.isInteger(value) || value < 0 || value > 65535) {
    console.error(`${variable} must be a port number, it is ${JSON.stringify(process.env[variable])}`);
    process.exit(1);
  }
  return value;
}

async function readJson(request) {
  let text = "";
  for await (const piece of request) {
    text += piece;
    if (text.length > MAX_BODY) throw Object.assign(new Error("the body is too large"), { status: 413 });
  }
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    throw Object.assign(new Error("the body is not JSON"), { status: 400 });
  }
}

function answer(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

/**
 * Serves `routes`, an object from "GET /path" to `(query, body) => answer`, on the port that `variable` names.
 * Gives the `http.Server`.
 */
function serve({ name, variable = "PORT", routes = {} }) {
  const number = port(variable);
  const started = Date.now();
  const all = {
    "GET /": () => ({ service: name, pid: process.pid, uptime_seconds: (Date.now() - started) / 1000 }),
    "GET /api-health": () => ({ status: "ok", service: name }),
    ...trouble.routes(() => server),
    ...routes,
  };
  const server = http.createServer(async (request, response) => {
    const url = new URL(request.url, `http://${HOST}`);
    const route = all[`${request.method} ${url.pathname}`];
    const { slow, broken } = trouble.state;
    if (slow > 0) await new Promise((resolve) => setTimeout(resolve, slow));
    if (broken) return answer(response, 500, { error: "broken on request" });
    if (!route) return answer(response, 404, { error: `no ${request.method} ${url.pathname} here` });
    try {
      answer(response, 200, await route(url.searchParams, await readJson(request)));
    } catch (error) {
      answer(response, error.status || 500, { error: error.message });
    }
  });
  server.on("error", (error) => {
    console.error(`cannot listen on ${HOST}:${number}: ${error.message}`);
    process.exit(1);
  });
  server.listen(number, HOST, () => {
    console.log(`${name} listens on http://${HOST}:${number}`);
    if (process.send) process.send("ready");
  });
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.on(signal, () => {
      if (trouble.state.deaf) return;
      console.log(`${signal}: closing ${name}`);
      process.exit(0);
    });
  }
  return server;
}

/** Sends JSON to another service of the stack, or asks it for some. */
function ask(port, method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const request = http.request({ host: HOST, port, method, path, headers, timeout: 2000 }, async (response) => {
      try {
        const value = await readJson(response);
        if (response.statusCode < 300) resolve(value);
        else reject(new Error(`${method} ${path}: ${response.statusCode}`));
      } catch (error) {
        reject(error);
      }
    });
    request.on("timeout", () => request.destroy(new Error("no answer in 2 s")));
    request.on("error", reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Calls `task` each `milliseconds`; what it throws is a line in the error log, not the end. */
function every(milliseconds, task) {
  setInterval(async () => {
    try {
      await task();
    } catch (error) {
      console.error(`${error.code || error.name}: ${error.message}`);
    }
  }, milliseconds);
}

module.exports = { HOST, ask, every, port, serve };
