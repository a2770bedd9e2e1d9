// The server's half of RFC 6455, as far as pushing text needs it.
"use strict";

const crypto = require("crypto");

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

function frame(opcode, payload) {
  const length = payload.length;
  const head = length < 126 ? Buffer.from([0x80 | opcode, length]) : Buffer.from([0x80 | opcode, 126, length >> 8, length & 255]);
  return Buffer.concat([head, payload]);
}

// What clients send here are control frames, whose payload is under 126 bytes and masked.
function answerControl(socket, data) {
  const opcode = data[0] & 15;
  if (opcode === CLOSE) return socket.end(frame(CLOSE, Buffer.alloc(0)));
  if (opcode !== PING || data.length < 6) return;
  const mask = data.subarray(2, 6);
  const payload = data.subarray(6, 6 + (data[1] & 127)).map((byte, index) => byte ^ mask[index % 4]);
  socket.write(frame(PONG, Buffer.from(payload)));
}

/** Takes WebSocket clients on `server`; gives `{ send(object), clients() }`. */
function attach(server) {
  const sockets = new Set();
  server.on("upgrade", (request, socket) => {
    const key = request.headers["sec-websocket-key"];
    if (!key || (request.headers.upgrade || "").toLowerCase() !== "websocket") {
      return socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    }
    const accept = crypto.createHash("sha1").update(key + GUID).digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    sockets.add(socket);
    socket.on("data", (data) => answerControl(socket, data));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  });
  return {
    clients: () => sockets.size,
    send(value) {
      const data = frame(TEXT, Buffer.from(JSON.stringify(value)).subarray(0, 65535));
      for (const socket of sockets) socket.write(data);
    },
  };
}

module.exports = { attach };
