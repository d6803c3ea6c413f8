'use strict';

// Runs the tests while processes of theirs (jest's, Duara's, the databases', clients') are stopped for moments at random, one
// after another, as a crowded machine does: a test that fails here either waits for a time or has found a race.
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: delay } = require('node:timers/promises');

const usage = `usage: npm run test:stalled -- [--longest MS] [FILES OR OTHER ARGUMENTS OF JEST]
--longest: no process is stopped for longer than this (default 800).`;

function stop(message, code) {
  console.log(message);
  process.exit(code);
}

const rest = process.argv.slice(2);
if (rest.includes('--help')) stop(usage, 0);
const at = rest.indexOf('--longest');
const longest = Number(at < 0 ? 800 : rest.splice(at, 2)[1]);
if (!(longest > 0)) stop(`--longest: a number of milliseconds is needed.\n${usage}`, 2);
if (!fs.existsSync('/proc/self/environ')) stop('Processes are found in /proc, which this system does not have.', 2);
/** What the run's processes have in their environment. */
const mark = `DUARA_STALLED=${process.pid}`;
const env = { ...process.env, DUARA_STALLED: String(process.pid) };
const runner = path.join(__dirname, 'run-tests.js');
const run = spawn(process.execPath, [runner, ...rest], { stdio: 'inherit', env });
let over = false;
let stops = 0;
run.on('exit', (code) => {
  over = true;
  console.log(`${stops} stops of up to ${longest} ms`);
  process.exitCode = code ?? 1;
});
// What is stopped goes on first, and hears of it too.
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => run.kill(name));
void stall();

async function stall() {
  while (!over) {
    const found = marked();
    // Several before they are looked for anew: that takes as long as they all.
    for (let times = 0; times < 5 && !over && found.length > 0; times++) {
      const pid = found[Math.floor(Math.random() * found.length)];
      // Mostly short ones, as a scheduler's are.
      const ms = longest * Math.random() ** 3;
      if (state(pid) !== 'T' && signal(pid, 'SIGSTOP')) {
        stops += 1;
        await delay(ms);
        signal(pid, 'SIGCONT');
      }
      await delay(Math.random() * 150);
    }
    await delay(50);
  }
}

/** Processes of the run. Not this one, nor the shells between: they only wait. */
function marked() {
  const shells = new Set(['sh', 'bash', 'dash']);
  return fs.readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === run.pid) return false;
    const environment = read(`/proc/${pid}/environ`);
    return environment.split('\0').includes(mark) && !shells.has(read(`/proc/${pid}/comm`).trim());
  });
}

/** 'T': stopped, by a test of its own; '': gone. */
function state(pid) {
  return /^.*\) (\S)/s.exec(read(`/proc/${pid}/stat`))?.[1] ?? '';
}

function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function signal(pid, name) {
  try {
    return process.kill(Number(pid), name);
  } catch {
    return false;
  }
}
