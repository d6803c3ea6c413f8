/** The house's rules as data: who may import whom, and what may be used only in an `io/` folder (ARCHITECTURE.md). */

/** For each room, the rooms (or single files) it may import besides itself; the longest matching name counts. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  'proxy/wire': [],
  proxy: ['proxy'],
  ring: ['ring'],
  replicator: ['replicator', 'proxy/wire', 'ring/api'],
  site: ['site', 'proxy', 'replicator', 'ring'],
  conformance: ['conformance', 'site', 'proxy', 'replicator', 'ring'],
};

/** Rooms whose code is pure outside folders named `io`. `site` and `conformance` are shells by nature. */
export const pureRooms = ['proxy', 'replicator', 'ring'];

/** Modules that reach outside the process, or bring a clock or a runner with them. */
export const impureModules = new Set([
  'fs',
  'fs/promises',
  'net',
  'tls',
  'http',
  'https',
  'dgram',
  'dns',
  'child_process',
  'worker_threads',
  'timers',
  'timers/promises',
  'os',
  'process',
  'readline',
  'mysql2',
  'mysql2/promise',
  'fastify',
  '@fastify/websocket',
  'ws',
  'pino',
  'lz4',
]);

/** Globals that make a function's answer depend on more than its arguments, and what to do instead. */
export const impureGlobals: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/, 'take `nowMs` as an argument'],
  [/\bMath\.random\(|\brandomBytes\(|\brandomUUID\(/, 'take the random value as an argument'],
  [/\bset(Timeout|Interval|Immediate)\(/, 'return an effect and let the runner in io/ set the timer'],
  [/\bprocess\./, 'take the value as an argument'],
  [/\bawait\b|\basync\b/, 'return an effect; the runner in io/ awaits it'],
  [/\bconsole\./, 'return the fact; the shell logs it'],
];

export const fileLinesMax = 400;
export const functionLinesMax = 80;

/** Files over the limits, each with its reason. Keep this list short. */
export const sizeExceptions: Readonly<Record<string, string>> = {};
