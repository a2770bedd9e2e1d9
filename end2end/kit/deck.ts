import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

const REPOSITORY = path.resolve(import.meta.dirname, "../..");
const BINARY = process.env.QD_BIN || path.join(REPOSITORY, "target/release/qd");
const STACK = path.join(REPOSITORY, "examples/translation-stack");
const START_MS = 20_000;

/** The ports of the stack at a shift of 0, by service; those that have no own one are told to make trouble there. */
export const PORTS = {
  "sttttserver": 3020,
  "ari-gstreamer": 9101,
  "monitoring-server": 3001,
  "database-api-server": 8083,
  "monitoring-bridge": 9102,
  "metrics-emitter": 9103,
  "gateway-3333": 7777,
  "gateway-4444": 8888,
} as const;
const SOCKET_PORT = 6211;

export type Service = keyof typeof PORTS;

export const SERVICES = Object.keys(PORTS) as Service[];

/** A supervisor of its own, in a folder of its own, with a stack of its own. */
export class Deck {
  /** `http://127.0.0.1:PORT` */
  origin = "";
  /** The link that a first start prints. */
  loginLink = "";
  /** What it printed. */
  readonly lines: string[] = [];
  private process: ChildProcess | undefined;

  private constructor(
    private readonly folder: string,
    private readonly config: string,
    private readonly shift: number,
  ) {}

  /** The nine services. Their files are copied, for they write logs beside themselves. */
  static async ofStack(): Promise<Deck> {
    const folder = newFolder();
    fs.cpSync(STACK, path.join(folder, "stack"), { recursive: true, filter: (file) => path.basename(file) !== "logs" });
    const deck = new Deck(folder, path.join(folder, "stack/ecosystem.config.js"), await freeShift());
    await deck.start();
    return deck;
  }

  /** Apps that sleep: for tests of the supervisor alone. */
  static async ofSleepers(...names: string[]): Promise<Deck> {
    const folder = newFolder();
    const config = path.join(folder, "ecosystem.config.json");
    const apps = names.map((name) => ({ name, script: "sleeper.js", cwd: folder }));
    fs.writeFileSync(path.join(folder, "sleeper.js"), "setInterval(() => console.log('awake'), 1000);\n");
    fs.writeFileSync(config, JSON.stringify({ apps }));
    const deck = new Deck(folder, config, 0);
    await deck.start();
    return deck;
  }

  /** The API of the stack alone, with these checks of its health. */
  static async ofChecked(health: object): Promise<Deck> {
    const folder = newFolder();
    const config = path.join(folder, "ecosystem.config.json");
    const shift = await freeShift();
    const name = "database-api-server" satisfies Service;
    const app = { name, script: path.join(STACK, `${name}.js`), cwd: folder, env: { PORT: PORTS[name] + shift }, health };
    fs.writeFileSync(config, JSON.stringify({ apps: [app] }));
    const deck = new Deck(folder, config, shift);
    await deck.start();
    return deck;
  }

  /** Starts the supervisor, on the port that it had before if it ran already. */
  async start(): Promise<void> {
    const listen = this.origin ? new URL(this.origin).host : "127.0.0.1:0";
    const child = spawn(BINARY, ["serve", this.config, "--listen", listen, "--home", path.join(this.folder, "home")], {
      // Only Node is on the path: cloudflared is never found, wherever the tests run.
      env: { PATH: path.join(this.folder, "bin"), HOME: this.folder, STACK_PORT_SHIFT: String(this.shift), NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.process = child;
    createInterface({ input: child.stderr }).on("line", (line) => this.lines.push(line));
    const isFirst = this.origin === "";
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`qd ${why}:\n${this.lines.join("\n")}`));
      const late = setTimeout(() => fail(`was not ready in ${START_MS / 1000} s`), START_MS);
      child.on("error", (error) => fail(`cannot be run: ${error.message}`));
      child.on("exit", (code, signal) => fail(`ended with ${code ?? signal}`));
      createInterface({ input: child.stdout }).on("line", (line) => {
        this.lines.push(line);
        this.loginLink = /http:\S+\/login\/\S+/.exec(line)?.[0] ?? this.loginLink;
        this.origin = /is at (http:\S+?)\/?$/.exec(line)?.[1] ?? this.origin;
        const ready = isFirst ? this.origin && this.loginLink : / is at /.test(line);
        if (ready) {
          clearTimeout(late);
          resolve();
        }
      });
    });
  }

  /** Ends the supervisor by a signal and waits for its end. SIGQUIT leaves the apps running. */
  async end(signal: "SIGTERM" | "SIGQUIT" | "SIGKILL"): Promise<void> {
    const child = this.process;
    if (child && child.exitCode === null && child.signalCode === null) {
      const exit = once(child, "exit");
      child.kill(signal);
      await exit;
    }
  }

  /** Stops the supervisor as a machine that hangs does, or lets it go on. */
  freeze(frozen: boolean): void {
    this.process?.kill(frozen ? "SIGSTOP" : "SIGCONT");
  }

  /** Ends everything. */
  async close(): Promise<void> {
    await this.end("SIGTERM");
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  /** Asks a service to make trouble: `crash`, `exit?code=3`, `flood?lines=9`. */
  async trouble(service: Service, what: string): Promise<void> {
    const url = `http://127.0.0.1:${PORTS[service] + this.shift}/trouble/${what}`;
    const response = await fetch(url, { method: "POST" });
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
  }
}

function newFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "qd-"));
  fs.mkdirSync(path.join(folder, "bin"));
  fs.symlinkSync(process.execPath, path.join(folder, "bin/node"));
  return folder;
}

/** A shift at which all ports are free, below those that the system gives to clients. */
async function freeShift(): Promise<number> {
  const ports = [...Object.values(PORTS), SOCKET_PORT];
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const shift = 10_000 + Math.floor(Math.random() * 13_000);
    const free = await Promise.all(ports.map((port) => isFree(port + shift)));
    if (free.every(Boolean)) return shift;
  }
  throw new Error("no free ports for the stack");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
