import { TableVersions } from '../../proxy/cache/table-versions';
import type { Catalog, KeyReservation, KeySource, TableInfo, TableVersionBoard } from '../../proxy/ports';
import { plainLinks } from '../../proxy/session/links-sample';
import type { ProxyServices } from '../../proxy/session/proxy-services';
import type { LetIn, ShortLogin } from '../../proxy/session/known-login';
import { sampleServices, sampleTable } from '../../proxy/session/services-sample';
import { Session } from '../../proxy/session/session';
import { newSessionState, type SessionState } from '../../proxy/session/session-state';
import { StatementHandler } from '../../proxy/session/statement-handler';
import { Command, PACKET_HEADER_BYTES } from '../../proxy/wire/constants';
import type { Chance } from './chance';

/** A promise of the proxy that did not hold. */
export class FuzzFinding extends Error {
  readonly code = 'FUZZ_FINDING';
}

const table = (name: string, more: Partial<TableInfo>): TableInfo =>
  sampleTable({
    schema: 'app',
    table: name,
    columns: ['id', 'v'],
    autoIncrement: { name: 'id', index: 0, bits: 64, unsigned: false },
    ...more,
  });

const tables = new Map([
  ['post', table('post', {})],
  ['user', table('user', { autoIncrement: null, columns: ['id', 'name'] })],
  ['b', table('b', { hasTriggers: true, hasBeforeInsertTrigger: true })],
  ['x', table('x', { autoIncrement: { name: 'id', index: 1, bits: 16, unsigned: true } })],
]);

/** Says what it knows only after it was asked to load it, and forgets as told. */
class ForgetfulCatalog implements Catalog {
  private readonly loaded = new Set<string>();

  constructor(private readonly chance: Chance) {}

  find(schema: string, name: string): TableInfo | null | undefined {
    if (!this.loaded.has(name) && !this.chance.oneIn(2)) return undefined;
    return schema === 'app' ? (tables.get(name) ?? null) : null;
  }
  load(_schema: string, name: string): Promise<void> {
    if (this.loaded.size > 64) this.loaded.clear();
    if (!this.chance.oneIn(10)) this.loaded.add(name);
    return Promise.resolve();
  }
  forget(): void {
    this.loaded.clear();
  }
}

/** Every key that is handed out must be settled once, and only once. */
class CountedKeys implements KeySource {
  outstanding = 0;
  private next = 1n;

  constructor(private readonly chance: Chance) {}

  reserve(): KeyReservation {
    if (this.chance.oneIn(20)) return { kind: 'wait', ready: Promise.resolve() };
    if (this.chance.oneIn(30)) return { kind: 'refused', message: 'none left' };
    this.outstanding += 1;
    let settled = false;
    const settle = (): void => {
      if (settled) throw new FuzzFinding('a key reservation was settled twice');
      settled = true;
      this.outstanding -= 1;
    };
    return { kind: 'keys', first: this.next++, settle };
  }
  sawExplicitKey(): void {}
}

/** The real board, with a count of the writes in flight. */
class CountedVersions implements TableVersionBoard {
  inFlight = 0;
  readonly board = TableVersions.create();

  slot(schema: string, name: string): number {
    return this.board.slot(schema, name);
  }
  unknownRowsSlot(schema: string, name: string): number {
    return this.board.unknownRowsSlot(schema, name);
  }
  rowSlot(schema: string, name: string, key: readonly string[]): number {
    return this.board.rowSlot(schema, name, key);
  }
  version(slot: number): number {
    return this.board.version(slot);
  }
  moves(): number {
    return this.board.moves();
  }
  busy(slot: number): boolean {
    return this.board.busy(slot);
  }
  beginWrite(slot: number): void {
    this.inFlight += 1;
    this.board.beginWrite(slot);
  }
  endWrite(slot: number): void {
    this.inFlight -= 1;
    this.board.endWrite(slot);
  }
  beginDoubt(): void {
    this.inFlight += 1;
    this.board.beginDoubt();
  }
  endDoubt(written: boolean): void {
    this.inFlight -= 1;
    this.board.endDoubt(written);
  }
  doubtful(): boolean {
    return this.board.doubtful();
  }
  beginAll(): void {
    this.inFlight += 1;
    this.board.beginAll();
  }
  endAll(): void {
    this.inFlight -= 1;
    this.board.endAll();
  }
  flushAll(): void {
    this.board.flushAll();
  }
  settingsGeneration(): number {
    return this.board.settingsGeneration();
  }
  settingsChanged(): void {
    this.board.settingsChanged();
  }
  beginSettings(): void {
    this.board.beginSettings();
  }
  endSettings(): void {
    this.board.endSettings();
  }
  captureHealthy(): boolean {
    return this.board.captureHealthy();
  }
}

/** What the sessions of one run share, as those of one proxy do. */
export class SharedParts {
  readonly keys: CountedKeys;
  readonly versions = new CountedVersions();
  readonly services: ProxyServices;

  constructor(chance: Chance, transparent: boolean) {
    this.keys = new CountedKeys(chance);
    this.versions.board.setCaptureHealthy(true);
    const { keys, versions } = this;
    this.services = transparent
      ? sampleServices({ keys, versions, commandBytesMax: 1 << 30 })
      : sampleServices({ keys, versions, catalog: new ForgetfulCatalog(chance), commandBytesMax: 1 << 24 }, 1 << 18);
  }

  /** When no session is open, nothing may be in flight and no key held. */
  settled(): void {
    const { keys, versions } = this;
    if (keys.outstanding !== 0) throw new FuzzFinding(`${keys.outstanding} key reservations were never settled`);
    if (versions.inFlight !== 0) throw new FuzzFinding(`${versions.inFlight} writes stayed in flight for ever`);
  }
}

/** Who is at the two ends of a session. Bytes are lent for the call. */
export interface RigEnds {
  /** The server. */
  heard(bytes: Buffer): void;
  /** The client. */
  told?(bytes: Buffer): void;
  /** See SessionEffects. */
  giveBack?(reset: boolean, schema: string | null): boolean;
  letIn?(short: ShortLogin, letIn: LetIn): void;
}

/** One session with its two ends: what it was given, and what it passed on. */
export class SessionRig {
  readonly state: SessionState = newSessionState();
  readonly session: Session;
  /** The session waits: `proceed` brings it what it waits for. */
  waits = false;
  over = false;
  private pauseMs = 0;
  private readonly toBackend: RelayCheck;
  private readonly toClient: RelayCheck;

  constructor(
    private readonly shared: SharedParts,
    { heard, told, giveBack, letIn }: RigEnds,
  ) {
    this.toBackend = new RelayCheck('the backend');
    this.toClient = new RelayCheck('the client');
    const { services } = shared;
    this.session = new Session(
      {
        toBackend: (bytes) => {
          this.toBackend.passed(bytes);
          // Steps of the authentication overtake the commands behind COM_CHANGE_USER, which are held back.
          if (bytes[PACKET_HEADER_BYTES] === Command.changeUser) this.toBackend.stop();
          heard(bytes);
        },
        toClient: (bytes) => {
          this.toClient.passed(bytes);
          told?.(bytes);
        },
        giveBack: (reset, schema) => {
          const given = giveBack?.(reset, schema) ?? false;
          this.over ||= given;
          return given;
        },
        letIn: (short, facts) => letIn?.(short, facts),
        wait: (_ready, pauseMs) => {
          if (this.waits) throw new FuzzFinding('the session waits for two things at once');
          this.waits = true;
          this.pauseMs = pauseMs;
        },
        // Compressed bytes are not for this rig.
        upgrade: () => (this.over = true),
        end: (bytes) => {
          this.over = true;
          told?.(bytes);
        },
        close: () => (this.over = true),
      },
      new StatementHandler(this.state, services),
      this.state,
      services.counters,
      plainLinks,
      false,
    );
  }

  fromClient(bytes: Buffer): void {
    this.toBackend.given(bytes);
    this.session.fromClient(bytes);
  }

  fromBackend(bytes: Buffer): void {
    this.toClient.given(bytes);
    this.session.fromBackend(bytes);
  }

  proceed(): void {
    this.waits = false;
    this.state.nowMs += this.pauseMs + 1;
    this.session.resume();
  }

  /** From here on, whatever passes must be what was given, byte for byte. Only where nothing is keyed, cached or refused. */
  mustRelay(): void {
    this.toBackend.start();
    this.toClient.start();
  }

  close(): void {
    this.session.closed();
    this.shared.settled();
  }
}

/** That the bytes passed on are those that were given, in order. */
class RelayCheck {
  private on = false;
  private expected: Buffer[] = [];

  constructor(private readonly to: string) {}

  start(): void {
    this.on = true;
  }

  stop(): void {
    this.on = false;
  }

  given(bytes: Buffer): void {
    // A copy: the session may change what it was given.
    if (this.on) this.expected.push(Buffer.from(bytes));
  }

  passed(bytes: Buffer): void {
    if (!this.on) return;
    let at = 0;
    while (at < bytes.length) {
      const head = this.expected[0];
      if (head === undefined) throw new FuzzFinding(`bytes to ${this.to} that nobody sent: ${hex(bytes, at)}`);
      const count = Math.min(head.length, bytes.length - at);
      if (head.compare(bytes, at, at + count, 0, count) !== 0) {
        throw new FuzzFinding(`bytes to ${this.to} were changed: ${hex(head, 0)} became ${hex(bytes, at)}`);
      }
      at += count;
      if (count === head.length) this.expected.shift();
      else this.expected[0] = head.subarray(count);
    }
  }
}

function hex(bytes: Buffer, at: number): string {
  return bytes.toString('hex', at, Math.min(bytes.length, at + 48));
}
