// What a configuration finds in place of Node: enough of `process`, `path`, `os` and `url`, and a `require` for local
// files. Whatever is not here throws an error that sends the file to Node.
(function (host, facts) {
  "use strict";

  function lacking(what) {
    return Object.assign(new Error(what), { code: "QD_LACKING" });
  }

  // To be told that something is missing is better than to read `undefined`, and run an app with it.
  function strict(name, target) {
    return new Proxy(target, {
      get(target, key) {
        if (typeof key === "string" && !(key in target) && key !== "then" && key !== "toJSON") {
          throw lacking(`it uses ${name}.${key}`);
        }
        return target[key];
      },
    });
  }

  function text(value) {
    if (typeof value !== "string") {
      throw Object.assign(new TypeError(`the path must be a string, and not ${value === null ? "null" : typeof value}`), { code: "ERR_INVALID_ARG_TYPE" });
    }
    return value;
  }

  // The parts of a path without empty ones, `.` and `..`; leading `..` are kept if the path is relative.
  function parts(path, absolute) {
    const kept = [];
    for (const part of path.split("/")) {
      if (part === "" || part === ".") continue;
      if (part !== "..") kept.push(part);
      else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
      else if (!absolute) kept.push(part);
    }
    return kept;
  }

  const path = {
    sep: "/",
    delimiter: ":",
    isAbsolute: (path) => text(path).startsWith("/"),
    normalize(path) {
      const absolute = text(path).startsWith("/");
      const body = parts(path, absolute).join("/");
      const end = path.endsWith("/") && body !== "" ? "/" : "";
      return (absolute ? "/" : "") + body + end || ".";
    },
    join: (...all) => path.normalize(all.map(text).filter((one) => one !== "").join("/") || "."),
    resolve(...all) {
      let whole = "";
      for (const one of [...all].reverse()) {
        if (text(one) !== "") whole = whole === "" ? one : `${one}/${whole}`;
        if (whole.startsWith("/")) break;
      }
      if (!whole.startsWith("/")) whole = `${folder}/${whole}`;
      return "/" + parts(whole, true).join("/");
    },
    relative(from, to) {
      const start = parts(path.resolve(from), true);
      const end = parts(path.resolve(to), true);
      let same = 0;
      while (same < start.length && same < end.length && start[same] === end[same]) same += 1;
      return [...start.slice(same).map(() => ".."), ...end.slice(same)].join("/");
    },
    dirname(path) {
      const trimmed = text(path).replace(/(?<=[^/])\/+$/, "");
      const at = trimmed.lastIndexOf("/");
      return at < 0 ? "." : trimmed.slice(0, at).replace(/(?<=[^/])\/+$/, "") || "/";
    },
    basename(path, ending = "") {
      const last = text(path).replace(/\/+$/, "").split("/").at(-1);
      return ending !== "" && last !== ending && last.endsWith(ending) ? last.slice(0, -ending.length) : last;
    },
    extname(path) {
      const name = this === undefined ? "" : parts(text(path), false).at(-1) ?? "";
      const at = name.lastIndexOf(".");
      return at > 0 && name !== ".." ? name.slice(at) : "";
    },
    parse(whole) {
      const root = path.isAbsolute(whole) ? "/" : "";
      const base = path.basename(whole);
      const ext = path.extname(base);
      const dir = path.dirname(whole);
      return { root, dir: dir === "." && !whole.startsWith(".") ? "" : dir, base, ext, name: ext ? base.slice(0, -ext.length) : base };
    },
    format: ({ root = "", dir = "", base = "", name = "", ext = "" }) => {
      const last = base || name + (ext && !ext.startsWith(".") ? "." : "") + ext;
      return dir === "" ? root + last : dir === root ? dir + last : `${dir}/${last}`;
    },
  };
  const folder = path.dirname(facts.file);
  const strictPath = strict("path", path);
  path.posix = strictPath;

  const os = {
    EOL: "\n",
    hostname: () => facts.hostname,
    homedir: () => process.env.HOME ?? "/",
    tmpdir: () => (process.env.TMPDIR || "/tmp").replace(/(?<=.)\/$/, ""),
    platform: () => facts.platform,
    type: () => facts.type,
    arch: () => facts.arch,
    release: () => facts.release,
    totalmem: () => facts.totalmem,
    freemem: () => facts.freemem,
    availableParallelism: () => facts.processors,
    cpus: () => Array.from({ length: facts.processors }, () => ({ model: "", speed: 0, times: { user: 0, nice: 0, sys: 0, idle: 0, irq: 0 } })),
  };

  const url = {
    fileURLToPath(address) {
      if (typeof address !== "string" || !address.startsWith("file:///")) throw lacking("it uses url.fileURLToPath for something else than a file");
      return decodeURIComponent(address.slice("file://".length));
    },
    pathToFileURL: undefined,
  };
  delete url.pathToFileURL;

  // As with Node, what is put into the environment becomes text.
  const env = new Proxy({ ...facts.env }, {
    set: (target, key, value) => Reflect.set(target, key, String(value)),
  });

  const process = strict("process", {
    env,
    pid: facts.pid,
    platform: facts.platform,
    arch: facts.arch,
    argv: ["node", facts.file],
    cwd: () => folder,
    exit() {
      throw new Error("it called process.exit() before it gave a configuration");
    },
  });

  const builtins = { os: strict("os", os), path: strictPath, "path/posix": strictPath, process, url: strict("url", url) };
  const cache = new Map();

  function locate(from, name) {
    const whole = path.resolve(from, name);
    const candidates = [whole, ...[".js", ".json", ".cjs"].map((end) => whole + end), ...["/index.js", "/index.json", "/index.cjs"].map((end) => whole + end)];
    return candidates.find((one) => host.isFile(one));
  }

  function requireFrom(from) {
    return function require(name) {
      const bare = String(name).replace(/^node:/, "");
      if (Object.hasOwn(builtins, bare)) return builtins[bare];
      if (!/^\.{0,2}\/|^\.{1,2}$/.test(name)) throw lacking(`it requires the module "${name}"`);
      const file = locate(from, name);
      if (file === undefined) throw lacking(`it requires "${name}", and there is no such file`);
      if (!/\.(js|cjs|json)$/.test(file)) throw lacking(`it requires "${name}", which is neither .js nor .json`);
      return load(file, host.read(file));
    };
  }

  function load(file, content) {
    if (cache.has(file)) return cache.get(file).exports;
    if (content === undefined || content === null) throw lacking(`it requires ${file}, which cannot be read`);
    const module = { exports: {}, id: file, filename: file, loaded: false };
    cache.set(file, module);
    const from = path.dirname(file);
    if (file.endsWith(".json")) {
      try {
        module.exports = JSON.parse(content);
      } catch (error) {
        throw new Error(`${file} is not JSON: ${error.message}`);
      }
    } else {
      host.compile(file, content).call(module.exports, module.exports, requireFrom(from), module, file, from);
    }
    module.loaded = true;
    return module.exports;
  }

  const silent = () => undefined;
  const console = { log: silent, info: silent, warn: silent, error: silent, debug: silent };
  const hidden = { builtins, require: requireFrom("/") };
  for (const [name, value] of Object.entries({ process, console, global: globalThis, __qd: hidden })) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }

  return {
    run: load,
    answer(value) {
      if (typeof value === "function") throw new Error("it exports a function; export the configuration itself");
      return JSON.stringify({ value, env: { ...env } });
    },
  };
})
