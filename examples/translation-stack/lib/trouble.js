// Trouble on request: how the demo and the tests see what a supervisor does about it.
"use strict";

const kept = [];
/** What is wrong with the answers, and with the hearing: `serve` looks here. */
const state = { slow: 0, broken: false, deaf: false };

function number(query, key, fallback, most) {
  const value = query.has(key) ? Number(query.get(key)) : fallback;
  if (!Number.isFinite(value) || value < 0 || value > most) {
    throw Object.assign(new Error(`${key} must be a number from 0 to ${most}`), { status: 400 });
  }
  return value;
}

// The answer leaves before the trouble begins.
const soon = (task) => setTimeout(task, 20);

function decodeFrame(frame) {
  return frame.header.sampleRate / 50;
}

function handlePacket(packet) {
  return packet.frames.map((_, index) => decodeFrame(packet.frames[index + 1] || {}));
}

/** Ends the process by an exception that nobody catches. */
function crash() {
  soon(() => handlePacket({ frames: [{ header: { sampleRate: 16000 } }] }));
  return { trouble: "crash" };
}

function exit(query) {
  const code = number(query, "code", 1, 255);
  soon(() => process.exit(code));
  return { trouble: "exit", code };
}

/** Answers nothing any more, not even a signal that asks politely. */
function hang() {
  soon(() => {
    console.error("waiting for a lock that nobody holds");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
  return { trouble: "hang" };
}

/** Takes memory and never gives it back. */
function leak(query) {
  const megabytes = number(query, "mb", 100, 8192);
  soon(() => {
    for (let taken = 0; taken < megabytes; taken += 1) kept.push(Buffer.alloc(1 << 20, 1));
    console.error(`${kept.length} MB of call records are held`);
  });
  return { trouble: "leak", mb: megabytes };
}

/** Keeps a core busy, and still answers. */
function spin(query) {
  const seconds = number(query, "seconds", 10, 3600);
  const end = Date.now() + seconds * 1000;
  const slice = () => {
    const pause = Date.now() + 40;
    while (Date.now() < pause);
    if (Date.now() < end) setImmediate(slice);
  };
  soon(slice);
  return { trouble: "spin", seconds };
}

/** Writes numbered lines as fast as they are taken. */
function flood(query) {
  const lines = number(query, "lines", 10000, 10_000_000);
  let next = 1;
  const more = () => {
    while (next <= lines) {
      const text = `flood line ${next} of ${lines} `.padEnd(99, ".");
      next += 1;
      if (!process.stdout.write(`${text}\n`)) return void process.stdout.once("drain", more);
      if (next % 1000 === 0) return void setImmediate(more);
    }
  };
  soon(more);
  return { trouble: "flood", lines };
}

/** Answers late. */
function slow(query) {
  const ms = number(query, "ms", 3000, 600_000);
  soon(() => (state.slow = ms));
  return { trouble: "slow", ms };
}

/** Answers with an error, its health too. */
function broken() {
  soon(() => (state.broken = true));
  return { trouble: "broken" };
}

/** Hears no signal that asks politely. */
function deaf() {
  state.deaf = true;
  return { trouble: "deaf" };
}

/** The routes `POST /trouble/…`. `server` gives the HTTP server, which may be closed while the process goes on. */
function routes(server) {
  const close = () => {
    soon(() => {
      setInterval(() => {}, 1000);
      server().close();
      server().closeAllConnections();
    });
    return { trouble: "close" };
  };
  const all = { crash, exit, hang, leak, spin, flood, slow, broken, deaf, close };
  return Object.fromEntries(Object.entries(all).map(([name, route]) => [`POST /trouble/${name}`, route]));
}

module.exports = { routes, state };
