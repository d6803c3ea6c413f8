import { LeanClient } from './lean-client';
import { residentBytes } from './process-usage';
import type { Target } from './sysbench';

export interface IdleMemory {
  readonly connections: number;
  /** Resident memory of the whole process before, and with all connections open, in bytes. */
  readonly before: number;
  readonly after: number;
}

/** Connects made at the same time. */
const atOnce = 50;
/** Connections rest for so long before memory is read: garbage of their logins is not what an idle one costs. */
const settleMs = 5_000;

/** Opens connections that each log in and ask once, and lets them rest. */
export async function idleConnections(target: Target, pid: number, connections: number): Promise<IdleMemory> {
  const before = residentBytes(pid);
  const clients: LeanClient[] = [];
  let started = 0;
  const opener = async (): Promise<void> => {
    while (started < connections) {
      started += 1;
      const client = await LeanClient.connect({ ...target, host: '127.0.0.1' });
      clients.push(client);
      await client.query('SELECT id, title, body FROM bench_page WHERE id = 1');
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, opener));
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    return { connections: clients.length, before, after: residentBytes(pid) };
  } finally {
    await Promise.all(clients.map((client) => client.quit()));
  }
}
