// The telephone side: makes 20 ms frames of 16 kHz audio, and hands them to the gateways.
"use strict";

const { ask, every, serve } = require("./lib/service");

const SAMPLES = 320;
const FRAMES_PER_SECOND = 50;
const gateways = (process.env.GATEWAY_PORTS || "").split(",").filter(Boolean).map(Number);

let phase = 0;
let sent = 0;

function frame() {
  const pcm = Buffer.alloc(SAMPLES * 2);
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    phase += (2 * Math.PI * 440) / 16000;
    pcm.writeInt16LE(Math.round(8000 * Math.sin(phase)), sample * 2);
  }
  return pcm.toString("base64");
}

serve({ name: "ari-gstreamer", variable: "TROUBLE_PORT", routes: { "GET /stats": () => ({ frames: sent }) } });

every(1000, async () => {
  const frames = Array.from({ length: FRAMES_PER_SECOND }, frame);
  const results = await Promise.allSettled(gateways.map((port) => ask(port, "POST", "/frames", { frames })));
  sent += frames.length * results.filter((result) => result.status === "fulfilled").length;
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
});
every(5000, () => console.log(`pipeline PLAYING, ${sent} frames of 20 ms sent to ${gateways.length} gateways`));
