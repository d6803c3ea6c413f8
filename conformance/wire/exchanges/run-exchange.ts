import { decodeGreeting, type Greeting } from '../../../proxy/wire/handshake';
import { frame } from '../../../proxy/wire/packet-framer';
import type { Target } from '../client-stream';
import { RawClient, type ReceivedPacket } from '../raw-client';
import { capabilitySet } from './capability-sets';
import { type Exchange, ping, type Stage, type Step } from './exchange';
import { ConnectionEnded, ReplyReader } from './reply-reader';

/** How a connection is made: the place, and what lies between it and the packets. */
export interface Route {
  readonly target: Target;
  readonly tls?: boolean;
  readonly compressed?: boolean;
}

export interface StepRecord {
  readonly step: Step;
  readonly packets: readonly ReceivedPacket[];
  /** The connection ended in this reply. */
  readonly ended: boolean;
}

export interface ExchangeRecord {
  readonly greeting: Greeting;
  /** The payload of the OK that the server let the client in with. */
  readonly login: Buffer;
  readonly steps: readonly StepRecord[];
}

/** Says `exchange` on a connection of its own. */
export async function runExchange(route: Route, exchange: Exchange): Promise<ExchangeRecord> {
  const set = capabilitySet(exchange.capabilities);
  const { charset, database } = exchange;
  const client = await RawClient.connect(route.target, [], {
    ...set,
    ...(route.tls === true ? { tls: true } : {}),
    ...(route.compressed === true ? { compressed: true } : {}),
    ...(charset === undefined ? {} : { charset }),
    ...(database === undefined ? {} : { database }),
  });
  try {
    const greeting = decodeGreeting(client.greeting);
    const capabilities = set.capabilities & greeting.capabilities;
    const reader = new ReplyReader(client, capabilities, set.mariaDbCapabilities & greeting.mariaDbCapabilities);
    const steps: StepRecord[] = [];
    const ids: number[] = [];
    // A stray packet would be taken for the answer to the ping.
    const stages: Stage[] = [...exchange.stages, ...(exchange.ends === true ? [] : [ping()])];
    for (const stage of stages) {
      const together = Array.isArray(stage) ? (stage as readonly Step[]) : [stage as Step];
      client.socket.writeCommands(together.map((step) => frame(step.payload(ids))));
      for (const step of together) {
        const ended = await reader.read(step.reply, step.files).then(() => false, isEnd);
        const { packets } = reader;
        steps.push({ step, packets, ended });
        if (step.reply === 'prepare' && packets[0]?.payload[0] === 0) ids.push(packets[0].payload.readUInt32LE(1));
        if (ended) return { greeting, login: client.login, steps };
      }
    }
    return { greeting, login: client.login, steps };
  } finally {
    client.destroy();
  }
}

function isEnd(error: unknown): boolean {
  if (error instanceof ConnectionEnded) return true;
  throw error;
}
