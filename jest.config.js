'use strict';

// Tests run as compiled: a worker thread cannot load TypeScript, and what ships is what is tested.
module.exports = {
  rootDir: 'dist',
  testEnvironment: 'node',
  testMatch: ['**/*.test.js'],
  testTimeout: 60_000,
  maxWorkers: 2,
};
