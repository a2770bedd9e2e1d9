// Nine services of a speech translation system, in miniature. PM2 runs this file unchanged; `layer`, `critical` and
// `health` are read by Quarterdeck alone. STACK_PORT_SHIFT moves every port, so that two stacks can run beside each other.
const shift = Number(process.env.STACK_PORT_SHIFT || 0);
const port = (number) => number + shift;

module.exports = {
  apps: [
    // CORE SERVICES
    {
      name: "sttttserver",
      script: "./STTTTSserver.js",
      cwd: __dirname,
      layer: "core",
      critical: true,
      instances: 1,
      autorestart: true,
      max_memory_restart: "500M",
      watch: false,
      max_restarts: 10,
      min_uptime: "10s",
      env: {
        NODE_ENV: "production",
        PORT: port(3020),
        SOCKET_PORT: port(6211),
      },
      error_file: "./logs/sttttserver-error.log",
      out_file: "./logs/sttttserver-out.log",
      log_date_format: "YYYY-MM-DD HH:mm:ss Z",
      merge_logs: true,
    },
    {
      name: "ari-gstreamer",
      script: "./ari-gstreamer-operational.js",
      cwd: __dirname,
      layer: "core",
      critical: true,
      instances: 1,
      autorestart: true,
      max_memory_restart: "300M",
      watch: false,
      env: {
        NODE_ENV: "production",
        TROUBLE_PORT: port(9101),
        GATEWAY_PORTS: `${port(7777)},${port(8888)}`,
      },
    },

    // MONITORING LAYER
    {
      name: "monitoring-server",
      script: "./monitoring-server.js",
      cwd: __dirname,
      layer: "monitoring",
      critical: true,
      instances: 1,
      autorestart: true,
      max_memory_restart: "200M",
      watch: false,
      env: {
        NODE_ENV: "production",
        PORT: port(3001),
        DATABASE_API_PORT: port(8083),
      },
    },
    {
      name: "database-api-server",
      script: "./database-api-server.js",
      cwd: __dirname,
      layer: "monitoring",
      critical: true,
      instances: 1,
      autorestart: true,
      max_memory_restart: "200M",
      watch: false,
      env: {
        NODE_ENV: "production",
        PORT: port(8083),
      },
      health: "/api-health",
    },
    {
      name: "monitoring-bridge",
      script: "./monitoring-to-database-bridge.js",
      cwd: __dirname,
      layer: "monitoring",
      critical: false,
      instances: 1,
      autorestart: true,
      max_memory_restart: "150M",
      watch: false,
      env: {
        NODE_ENV: "production",
        TROUBLE_PORT: port(9102),
        MONITORING_PORT: port(3001),
        DATABASE_API_PORT: port(8083),
      },
    },
    {
      name: "metrics-emitter",
      script: "./continuous-metrics-emitter.js",
      cwd: __dirname,
      layer: "monitoring",
      critical: false,
      instances: 1,
      autorestart: true,
      max_memory_restart: "150M",
      watch: false,
      env: {
        NODE_ENV: "production",
        TROUBLE_PORT: port(9103),
        MONITORING_PORT: port(3001),
      },
    },

    // GATEWAY LAYER
    {
      name: "gateway-3333",
      script: "./gateway-3333.js",
      cwd: __dirname,
      layer: "gateways",
      critical: true,
      instances: 1,
      autorestart: true,
      max_memory_restart: "200M",
      watch: false,
      env: {
        NODE_ENV: "production",
        PORT: port(7777),
        EXTENSION: "3333",
        TRANSLATION_PORT: port(3020),
      },
    },
    {
      name: "gateway-4444",
      script: "./gateway-4444.js",
      cwd: __dirname,
      layer: "gateways",
      critical: true,
      instances: 1,
      autorestart: true,
      max_memory_restart: "200M",
      watch: false,
      env: {
        NODE_ENV: "production",
        PORT: port(8888),
        EXTENSION: "4444",
        TRANSLATION_PORT: port(3020),
      },
    },

    // INFRASTRUCTURE: the one that is no Node program. Where it is not installed, it is shown as down.
    {
      name: "cloudflared",
      script: "cloudflared",
      args: `tunnel --url http://localhost:${port(8083)}`,
      layer: "monitoring",
      critical: false,
      instances: 1,
      autorestart: true,
      watch: false,
      interpreter: "none",
      env: {
        TUNNEL_URL: `http://localhost:${port(8083)}`,
      },
    },
  ],
};
