import type { Catalog, TableInfo } from '../../../proxy/ports';
import type { SessionLinks } from '../../../proxy/session/links';
import { plainLinks } from '../../../proxy/session/links-sample';
import type { ProxyServices } from '../../../proxy/session/proxy-services';
import { sampleServices } from '../../../proxy/session/services-sample';
import { Session } from '../../../proxy/session/session';
import { newSessionState } from '../../../proxy/session/session-state';
import { StatementHandler } from '../../../proxy/session/statement-handler';
import type { SequentialKeys } from './sequential-keys';

/** What new sessions are told by the proxy's earlier ones. */
export type SessionDefaults = Pick<ProxyServices, 'defaultSqlMode' | 'defaultIsolation' | 'commandBytesMax'>;

export const nothingKnown: SessionDefaults = {
  defaultSqlMode: null,
  defaultIsolation: 'unknown',
  commandBytesMax: 1 << 30,
};

/** Where a session's bytes go. They are lent for the call. */
export interface HarnessEnds {
  toBackend(bytes: Buffer): void;
  toClient(bytes: Buffer): void;
  close(): void;
}

/** The pure step of one session, without sockets: what it waits for is there at once, or when the caller says so. */
export class SessionHarness {
  readonly services: ProxyServices;
  private readonly session: Session;
  /** What the session waits for; null when it does not. */
  private waited: Promise<void> | null = null;

  constructor(
    catalog: Catalog,
    keys: SequentialKeys,
    defaults: SessionDefaults,
    ends: HarnessEnds,
    links: SessionLinks = plainLinks,
  ) {
    this.services = sampleServices({ catalog, keys, ...defaults });
    const state = newSessionState();
    this.session = new Session(
      {
        toBackend: (bytes) => ends.toBackend(bytes),
        toClient: (bytes) => ends.toClient(bytes),
        giveBack: () => false,
        wait: (ready) => {
          this.waited = ready;
        },
        // Neither side's bytes are carried in another way here.
        upgrade: () => {},
        end: (bytes) => {
          ends.toClient(bytes);
          ends.close();
        },
        close: () => ends.close(),
      },
      new StatementHandler(state, this.services),
      state,
      this.services.counters,
      links,
      false,
    );
  }

  /** `bytes` are spoilt afterwards, as a channel may do. */
  fromClient(bytes: Buffer): void {
    const lent = Buffer.from(bytes);
    this.session.fromClient(lent);
    lent.fill(0xee);
  }

  fromBackend(bytes: Buffer): void {
    const lent = Buffer.from(bytes);
    this.session.fromBackend(lent);
    lent.fill(0xee);
  }

  /** The promise it waits for; null when it does not wait. */
  takeWait(): Promise<void> | null {
    const ready = this.waited;
    this.waited = null;
    return ready;
  }

  resume(): void {
    this.session.resume();
  }

  closed(): void {
    this.session.closed();
  }
}

/** Remembers what another catalog has said, and says it again when that one has forgotten it. */
export class RememberingCatalog implements Catalog {
  private readonly said = new Map<string, TableInfo | null>();

  constructor(private readonly catalog: Catalog) {}

  find(schema: string, table: string): TableInfo | null | undefined {
    const found = this.catalog.find(schema, table);
    if (found !== undefined) this.said.set(`${schema}.${table}`, found);
    return found;
  }

  load(schema: string, table: string): Promise<void> {
    return this.catalog.load(schema, table);
  }

  forget(schema?: string, table?: string): void {
    this.catalog.forget(schema, table);
  }

  /** One that knows all that was said, and nothing else. */
  remembered(): Catalog {
    const { said } = this;
    return {
      find: (schema, table) => said.get(`${schema}.${table}`) ?? null,
      load: () => Promise.resolve(),
      forget: () => {},
    };
  }
}
