// Speech to text, text to text, text to speech: takes frames from the gateways, and pushes the words to those who listen.
"use strict";

const http = require("http");
const { HOST, every, port, serve } = require("./lib/service");
const websocket = require("./lib/websocket");

const WORDS = { English: ["good", "morning", "the", "line", "is", "clear"], French: ["bonjour", "la", "ligne", "est", "libre"] };
const FRAMES_PER_WORD = 20;

let requests = 0;
let words = 0;

const listeners = http.createServer((_request, response) => response.writeHead(426).end("a WebSocket is spoken here\n"));
const push = websocket.attach(listeners);
listeners.listen(port("SOCKET_PORT"), HOST);

serve({
  name: "sttttserver",
  routes: {
    "POST /translate": (_query, body) => {
      const vocabulary = WORDS[body.language] || WORDS.English;
      const count = Math.floor(Number(body.frames || 0) / FRAMES_PER_WORD);
      const text = Array.from({ length: count }, (_, index) => vocabulary[(words + index) % vocabulary.length]).join(" ");
      requests += 1;
      words += count;
      push.send({ extension: body.extension, language: body.language, text });
      return { words: count, text };
    },
    "GET /stats": () => ({ requests, words, listeners: push.clients() }),
  },
});

every(3000, () => console.log(`${requests} requests, ${words} words translated, ${push.clients()} listeners`));
