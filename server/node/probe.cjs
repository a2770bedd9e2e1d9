'use strict';

// Loaded by `qd` into the Node apps that it starts, before anything else of them, by NODE_OPTIONS. It answers when it is asked, over
// a Unix socket, and tells of exceptions that nobody caught. It must never harm the app: whatever fails here is swallowed,
// nothing here keeps the process alive, and where anything is missing it does nothing. Older versions of Node have to be able
// to read it.
const watch = () => {
  const address = process.env.QD_PROBE;
  // Threads, and what the app starts, do not have it any more.
  if (!address) return;
  delete process.env.QD_PROBE;
  const others = (process.env.NODE_OPTIONS || '').replace(/^--require (?:"(?:[^"\\]|\\.)*"|\S+) ?/, '');
  if (others) process.env.NODE_OPTIONS = others;
  else delete process.env.NODE_OPTIONS;
  if (Number(process.versions.node.split('.')[0]) < 18 || process.versions.bun) return;

  // What the app changes later, as tests do with clocks, does not reach us.
  const later = setTimeout;
  const now = Date.now;
  const fs = require('fs');
  const net = require('net');
  const v8 = require('v8');
  const { monitorEventLoopDelay, PerformanceObserver } = require('perf_hooks');

  const RESOLUTION_MS = 40;
  const RECONNECT_MS = 2000;
  const PATIENCE_MS = 10000;
  const CHUNK = 32768;
  const STACK = 8000;

  let socket;
  let profiling = false;

  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();

  const gc = { total: 0, max: 0 };
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      gc.total += duration;
      gc.max = Math.max(gc.max, duration);
    }
  }).observe({ entryTypes: ['gc'] });

  // How long what comes at any moment has to wait, in ms. Each delay counts with its length: one of a second is met by more than
  // twenty of 40 ms each, though it is one among many.
  const lags = () => {
    const steps = [];
    let before = 0;
    let whole = 0;
    delays.percentiles.forEach((ns, percent) => {
      const weight = (percent - before) * ns;
      before = percent;
      whole += weight;
      steps.push([ns, whole]);
    });
    const reached = (part) => {
      const step = steps.find((one) => one[1] >= whole * part);
      return step ? Math.max(0, step[0] / 1e6 - RESOLUTION_MS) : 0;
    };
    return [reached(0.5), reached(0.99)];
  };

  // Writes now, so that it is out even if the process ends at once, and so that a heap snapshot needs no more memory than its
  // pieces do. Whoever does not read it in time is not told any more.
  const write = (bytes) => {
    const fd = socket._handle.fd;
    let last = now();
    for (let at = 0; at < bytes.length; ) {
      try {
        at += fs.writeSync(fd, bytes, at);
        last = now();
      } catch (error) {
        if (error.code !== 'EAGAIN' || now() - last > PATIENCE_MS) {
          socket.destroy();
          throw error;
        }
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    }
  };
  const say = (word) => write(Buffer.from(`${JSON.stringify(word)}\n`));
  const pour = (text) => {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += CHUNK) {
      const part = bytes.subarray(at, at + CHUNK);
      say({ bytes: part.length });
      write(part);
    }
  };

  const report = () => {
    const heap = v8.getHeapStatistics();
    const handles = process.getActiveResourcesInfo().length;
    say({ report: { heap: [heap.used_heap_size, heap.total_heap_size], lag: lags(), gc: [gc.total, gc.max], handles } });
    delays.reset();
    gc.total = gc.max = 0;
  };

  // Runs it with an inspector, and says how it went.
  const profile = (run) => {
    let session;
    const end = (error) => {
      profiling = false;
      try {
        if (session) session.disconnect();
        say({ end: error ? String(error.message || error) : null });
      } catch (ignored) {}
    };
    if (profiling) return say({ end: 'another profile is being taken' });
    profiling = true;
    try {
      const { Session } = require('inspector');
      session = new Session();
      session.connect();
      run(session, end);
    } catch (error) {
      end(error);
    }
  };

  const heap = () =>
    profile((session, end) => {
      let failure = null;
      session.on('HeapProfiler.addHeapSnapshotChunk', ({ params }) => {
        try {
          if (!failure) pour(params.chunk);
        } catch (error) {
          failure = error;
        }
      });
      session.post('HeapProfiler.takeHeapSnapshot', { reportProgress: false }, (error) => end(error || failure));
    });

  const cpu = (seconds) =>
    profile((session, end) => {
      const stop = () =>
        session.post('Profiler.stop', (error, answer) => {
          try {
            if (!error) pour(JSON.stringify(answer.profile));
            end(error);
          } catch (failure) {
            end(failure);
          }
        });
      session.post('Profiler.enable');
      session.post('Profiler.start', (error) => (error ? end(error) : later(stop, seconds * 1000).unref()));
    });

  const orders = { report, heap, cpu };

  const connect = () => {
    let heard = '';
    socket = net.connect(address);
    socket.unref();
    socket.setEncoding('utf8');
    socket.on('error', () => {});
    socket.on('close', () => later(connect, RECONNECT_MS).unref());
    socket.on('data', (text) => {
      try {
        const lines = (heard + text).split('\n');
        heard = lines.pop().slice(-100);
        for (const line of lines) {
          const [order, number] = line.split(' ');
          if (Object.hasOwn(orders, order)) orders[order](Number(number));
        }
      } catch (ignored) {}
    });
  };

  process.on('uncaughtExceptionMonitor', (error) => {
    try {
      const text = String((error && error.stack) || error).slice(0, STACK);
      const fatal = process.listenerCount('uncaughtException') === 0 && !process.hasUncaughtExceptionCaptureCallback();
      say({ exception: { text, fatal } });
    } catch (ignored) {}
  });
  connect();
};

try {
  watch();
} catch (ignored) {}
