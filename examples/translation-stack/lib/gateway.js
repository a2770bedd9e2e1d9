// A gateway takes the audio of one telephone extension and has it translated.
"use strict";

const { ask, every, port, serve } = require("./service");

module.exports = function gateway(language) {
  const extension = process.env.EXTENSION;
  const translation = port("TRANSLATION_PORT");
  let waiting = 0;
  let frames = 0;
  let translated = 0;

  serve({
    name: `gateway-${extension}`,
    routes: {
      "POST /frames": (_query, body) => {
        const count = Array.isArray(body.frames) ? body.frames.length : 0;
        frames += count;
        waiting += count;
        return { accepted: count };
      },
      "GET /stats": () => ({ extension, language, frames, translated }),
    },
  });

  every(1000, async () => {
    if (waiting === 0) return;
    const count = waiting;
    waiting = 0;
    const done = await ask(translation, "POST", "/translate", { extension, language, frames: count });
    translated += done.words;
  });
  every(5000, () => console.log(`extension ${extension}: ${frames} frames in, ${translated} words translated to ${language}`));
};
