'use strict';

// What is not TypeScript (profiles, SQL, pages, scripts for other languages) is copied beside the compiled code.
const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');
const assetPattern = /\.(ya?ml|sql|tsv|html|css|php|pl|py|java|json|hex|bin|gz|sh|lua)$/;

for (const room of ['proxy', 'replicator', 'ring', 'site', 'conformance']) {
  const from = path.join(root, room);
  if (!fs.existsSync(from)) continue;
  for (const entry of fs.readdirSync(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !assetPattern.test(entry.name)) continue;
    const source = path.join(entry.parentPath, entry.name);
    const target = path.join(root, 'dist', path.relative(root, source));
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.copyFileSync(source, target);
  }
}
const command = path.join(root, 'dist/site/duara.sh');
if (fs.existsSync(command)) {
  fs.chmodSync(command, 0o755);
  fs.chmodSync(path.join(root, 'dist/site/main.js'), 0o755);
  linkCommand();
}

/** npx finds our own command among the installed ones: else it would first install this package in its cache. */
function linkCommand() {
  const bin = path.join(root, 'node_modules/.bin');
  const link = path.join(bin, 'duara');
  const target = '../../dist/site/duara.sh';
  if (!fs.existsSync(bin) || linkedTo(link) === target) return;
  fs.rmSync(link, { force: true });
  fs.symlinkSync(target, link);
}

function linkedTo(link) {
  try {
    return fs.readlinkSync(link);
  } catch {
    return null;
  }
}
