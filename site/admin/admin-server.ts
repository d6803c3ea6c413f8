import { randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import fastify, { type FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import { ConfigError } from '../config/config-error';
import type { Address } from '../config/values';
import { replaceFile } from '../small-file';
import type { SiteStatus } from '../status';
import { statusPage } from './status-page';

export interface AdminOptions {
  readonly listen: Address;
  readonly token: string;
  readonly registry: Registry;
  readonly status: () => Promise<SiteStatus>;
}

export interface AdminServer {
  /** Such as http://127.0.0.1:7401. */
  readonly url: string;
  close(): Promise<void>;
}

/** The admin pages: status, metrics, health. Reading needs loopback or the token. */
export async function startAdmin({ listen, token, registry, status }: AdminOptions): Promise<AdminServer> {
  const app = fastify({ logger: false, forceCloseConnections: true });
  app.addHook('onRequest', async (request, reply) => {
    if (request.url === '/healthz' || isLoopback(request) || hasToken(request, token)) return;
    await reply.code(401).send({ error: 'reading needs loopback or the token (Authorization: Bearer …)' });
  });
  app.get('/healthz', () => ({ ok: true }));
  app.get('/readyz', async (_request, reply) => {
    const { ready, waitingFor } = await status();
    return reply.code(ready ? 200 : 503).send({ ready, waitingFor });
  });
  app.get('/api/status', () => status());
  app.get('/metrics', async (_request, reply) => {
    await status();
    return reply.type(registry.contentType).send(await registry.metrics());
  });
  app.get('/', async (_request, reply) => reply.type('text/html; charset=utf-8').send(statusPage(await status())));
  const url = await app.listen({ host: listen.host, port: listen.port });
  return { url, close: () => app.close() };
}

function isLoopback(request: FastifyRequest): boolean {
  const from = request.socket.remoteAddress ?? '';
  // A browser page of another origin may reach loopback through a rebound name: only plain loopback names are served.
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  const named = ['localhost', '127.0.0.1', '[::1]'].includes(host);
  return named && (from === '127.0.0.1' || from === '::1' || from === '::ffff:127.0.0.1');
}

function hasToken(request: FastifyRequest, token: string): boolean {
  const given = Buffer.from(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
  const wanted = Buffer.from(token);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** The token in the file; a new one when there is no file. Throws ConfigError when the file is empty or cannot be read. */
export function readOrCreateToken(file: string): string {
  const wrong = (problem: string): ConfigError =>
    new ConfigError([{ source: file, line: null, key: 'admin.tokenFile', problem }]);
  try {
    const token = readFileSync(file, 'utf8').trim();
    // Whoever sends no token would have it.
    if (token === '') throw wrong('is empty; write a token into it, or remove it: then a new one is made');
    return token;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw wrong(`cannot be read: ${String(error)}`);
  }
  const token = randomBytes(24).toString('base64url');
  mkdirSync(dirname(file), { recursive: true });
  // At once: a disk that is full must not leave an empty one.
  replaceFile(file, `${token}\n`);
  return token;
}
