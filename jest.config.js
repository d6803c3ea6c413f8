'use strict';

// Tests run as compiled: a worker thread cannot load TypeScript, and what ships is what is tested.
module.exports = {
  rootDir: 'dist',
  testEnvironment: 'node',
  testMatch: ['**/*.test.js'],
  // Ends what hangs. A busy machine is ten times slower: setting up a server has taken more than a minute there.
  testTimeout: 300_000,
  maxWorkers: 2,
};
