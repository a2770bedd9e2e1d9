// A Python API, run by the interpreter that its machine has.
module.exports = {
  apps: [
    {
      name: "codebox",
      script: "./launch.py",
      cwd: __dirname,
      interpreter: "python3",
      interpreter_args: "-u",
      autorestart: true,
      max_memory_restart: "300M",
      min_uptime: "10s",
      env: {
        PORT: 5000,
      },
      // PM2 ignores this; Quarterdeck asks, and restarts what does not answer.
      health: { http: "/api-health", retries: 3, retry_interval: "10s", cooldown: "60s" },
    },
  ],
};
