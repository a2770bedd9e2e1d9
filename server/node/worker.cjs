'use strict';

// Loaded into each worker of a cluster before the app. Node closes connections that seem idle the moment a worker is told to
// leave, also those on which a request is on its way. Here every client is told first that its connection ends.
const heard = process.listeners('internalMessage');
const deliver = (message, handle) => heard.forEach((listener) => listener.call(process, message, handle));

const closeAfterNext = (server) => {
  server.prependListener('request', (request, response) => {
    response.shouldKeepAlive = false;
  });
};

process.removeAllListeners('internalMessage');
process.on('internalMessage', (message, handle) => {
  const leaves = message && message.cmd === 'NODE_CLUSTER' && message.act === 'disconnect';
  if (!leaves || !(message.within > 0)) return deliver(message, handle);
  const servers = process._getActiveHandles().filter((one) => typeof one.closeIdleConnections === 'function');
  servers.forEach(closeAfterNext);
  setTimeout(deliver, servers.length > 0 ? message.within : 0, message, handle);
});
