import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../../site/lab/free-port';
import { until } from '../lab/lab-process';
import { findProgram, type Target } from './sysbench';

/** Another relay before the same database. */
export interface Peer {
  readonly name: string;
  readonly target: Target;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface Backend extends Target {
  readonly socket: string;
}

/** How to start a peer: writes what it needs into `dir`, and names the program to run in the foreground. */
interface Recipe {
  readonly name: string;
  command(dir: string, port: number, backend: Backend): Promise<readonly string[]>;
}

function haproxy(program: string): Recipe {
  return {
    name: 'HAProxy',
    command: (dir, port, backend) => {
      const config = `
global
  maxconn 8000
defaults
  mode tcp
  timeout connect 5s
  timeout client 10m
  timeout server 10m
listen mysql
  bind 127.0.0.1:${port}
  server db 127.0.0.1:${backend.port}
`;
      writeFileSync(join(dir, 'haproxy.cfg'), config);
      return Promise.resolve([program, '-db', '-f', join(dir, 'haproxy.cfg')]);
    },
  };
}

const streamModule = '/usr/lib/nginx/modules/ngx_stream_module.so';

function nginx(program: string): Recipe {
  return {
    name: 'nginx',
    command: (dir, port, backend) => {
      const config = `
${existsSync(streamModule) ? `load_module ${streamModule};` : ''}
daemon off;
worker_processes auto;
pid ${dir}/nginx.pid;
error_log ${dir}/nginx.log;
events { worker_connections 8000; }
stream { server { listen 127.0.0.1:${port} backlog=1024; proxy_pass 127.0.0.1:${backend.port}; } }
`;
      writeFileSync(join(dir, 'nginx.conf'), config);
      return Promise.resolve([program, '-p', dir, '-c', join(dir, 'nginx.conf'), '-e', join(dir, 'nginx.log')]);
    },
  };
}

function nodePipe(way: 'TCP' | 'socket'): Recipe {
  return {
    name: `Node pipe, ${way}`,
    command: (_dir, port, backend) =>
      Promise.resolve([
        process.execPath,
        join(__dirname, 'node-pipe.js'),
        String(port),
        way === 'TCP' ? String(backend.port) : backend.socket,
      ]),
  };
}

/** See node-caching-pipe.ts. */
export const cachingPipe = 'Node pipe, caches for ever';

function nodeCachingPipe(): Recipe {
  return {
    name: cachingPipe,
    command: (_dir, port, backend) =>
      Promise.resolve([process.execPath, join(__dirname, 'node-caching-pipe.js'), String(port), backend.socket]),
  };
}

/** See canned-server.ts. */
const canned: Recipe = {
  name: 'one reply from memory',
  command: (_dir, port) => Promise.resolve([process.execPath, join(__dirname, 'canned-server.js'), String(port)]),
};

/** In its default configuration; `caching` adds the one rule that its users add: every SELECT for five seconds. */
function proxySql(program: string, caching: boolean): Recipe {
  return {
    name: caching ? 'ProxySQL + cache' : 'ProxySQL',
    command: async (dir, port, backend) => {
      const rule = '{ rule_id=1 active=1 match_digest="^SELECT" cache_ttl=5000 apply=1 }';
      const config = `
datadir="${dir}"
admin_variables={ mysql_ifaces="127.0.0.1:${await freePort()}" }
mysql_variables={ interfaces="127.0.0.1:${port}" monitor_enabled=false server_version="10.11.0" }
mysql_servers=( { address="127.0.0.1" port=${backend.port} hostgroup=0 max_connections=2000 } )
mysql_users=( { username="${backend.user}" password="${backend.password}" default_hostgroup=0 max_connections=8000 } )
mysql_query_rules=( ${caching ? rule : ''} )
`;
      writeFileSync(join(dir, 'proxysql.cfg'), config);
      return [program, '-f', '--initial', '-c', join(dir, 'proxysql.cfg'), '-D', dir];
    },
  };
}

/** Starts all peers that can be had here; `say` is told which are absent, and why. */
export async function startPeers(
  dir: string,
  backend: Backend,
  { quick, say }: { readonly quick: boolean; readonly say: (line: string) => void },
): Promise<Peer[]> {
  const recipes: Recipe[] = [nodePipe('TCP'), nodePipe('socket'), nodeCachingPipe(), canned];
  const haproxyProgram = quick ? null : findProgram('haproxy', ['haproxy'], say);
  const nginxProgram = findProgram('nginx', ['nginx-light', 'libnginx-mod-stream'], say);
  const proxySqlProgram = process.env['PROXYSQL'] ?? '';
  if (haproxyProgram !== null) recipes.push(haproxy(haproxyProgram));
  else say(quick ? 'HAProxy: left out by --quick' : 'HAProxy: absent (Debian: haproxy)');
  if (nginxProgram !== null) recipes.push(nginx(nginxProgram));
  else say('nginx: absent (Debian: nginx-light and libnginx-mod-stream)');
  if (existsSync(proxySqlProgram)) recipes.push(proxySql(proxySqlProgram, false), proxySql(proxySqlProgram, true));
  else say('ProxySQL: absent (set PROXYSQL to a binary); shares measured before stand in for its own');
  const peers: Peer[] = [];
  for (const recipe of recipes) {
    try {
      peers.push(await start(recipe, join(dir, recipe.name.replace(/\W+/g, '-')), backend));
    } catch (error) {
      say(`${recipe.name}: did not start: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return peers;
}

async function start(recipe: Recipe, dir: string, backend: Backend): Promise<Peer> {
  mkdirSync(dir, { recursive: true });
  const port = await freePort();
  const [program = '', ...args] = await recipe.command(dir, port, backend);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: dir });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-1000)));
  }
  await until(
    () => accepts(port),
    20_000,
    () => {
      if (child.exitCode !== null) throw new Error(output);
      return `${recipe.name} does not listen: ${output}`;
    },
  );
  const { name } = recipe;
  return { name, target: { ...backend, port }, pid: child.pid ?? 0, stop: () => ended(child) };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const end = once(child, 'close');
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await end;
  clearTimeout(kill);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    // The server speaks first: a relay that answers has reached its database.
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('close', () => resolve(false));
  });
}
