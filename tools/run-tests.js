'use strict';

// Runs jest on the compiled tests and ends with one plain line: 'N passed, N failed, N skipped'.
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

// Before the tests look for them, in several processes at once: what needs a database server, PHP or another program is skipped, and
// counted, where there is none.
try {
  require('../dist/site/lab/find-server.js').findOrInstallServer(console.log);
  const { available } = require('../dist/conformance/clients/client-needs.js');
  const { clientScripts } = require('../dist/conformance/clients/client-scripts.js');
  for (const { needs, heavy } of clientScripts) if (!heavy) available(needs);
  available(require('../dist/conformance/mysqltest/mysqltest-program.js').mysqltest);
} catch (error) {
  console.log(error instanceof Error ? error.message : String(error));
}

const report = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'duara-test-report-')), 'report.json');
const jest = require.resolve('jest/bin/jest');
const args = [jest, '--json', `--outputFile=${report}`, ...process.argv.slice(2)];
const run = spawnSync(process.execPath, args, { cwd: path.join(__dirname, '..'), stdio: 'inherit' });

let line = '0 passed, 1 failed';
let ok = false;
if (fs.existsSync(report)) {
  const result = JSON.parse(fs.readFileSync(report, 'utf8'));
  // A suite that cannot load has no tests of its own: count it as one failure.
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  const skipped = result.numPendingTests + result.numTodoTests;
  line = `${result.numPassedTests} passed, ${failed} failed, ${skipped} skipped`;
  ok = run.status === 0 && failed === 0 && result.numPassedTests > 0;
}
fs.rmSync(path.dirname(report), { recursive: true, force: true });
console.log(line);
process.exit(ok ? 0 : 1);
