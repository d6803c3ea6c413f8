import { Readable } from 'node:stream';
import { type Connection as BulkConnection, createConnection as createBulkConnection, type SqlError } from 'mariadb';
import { type Connection, createConnection, type ResultSetHeader } from 'mysql2/promise';
import { isOwn } from '../../proxy/keys/key-ranges';
import { quoteName } from '../../proxy/sql/names';
import { appAccount } from '../wire/proxied-server';
import type { Step } from './insert-generator';
import { tables } from './insert-tables';
import { KeyedSite } from './keyed-site';

type Row = Readonly<Record<string, string | null>>;

/** Of one statement of a step, what the client was told. */
export interface Told {
  readonly errno: number | null;
  readonly affected: number;
  readonly insertId: bigint;
  readonly warnings: number;
  readonly info: string;
  readonly rows: readonly Row[] | null;
}

export interface SideOutcome {
  readonly told: readonly Told[];
  readonly lastInsertId: bigint;
  /** By table. */
  readonly rows: ReadonlyMap<string, readonly Row[]>;
}

/** Smaller ones are brought: see InsertGenerator, and where the counters of TwinTable start. */
const GENERATED_MIN = 1_000n;

/** Keys that were generated: the direct twin's, and what the proxied one has in its place. */
export class KeyMap {
  private readonly proxied = new Map<bigint, bigint>();
  private readonly direct = new Map<string, bigint>();

  /** Met since the last `takeFresh`. */
  private fresh: { readonly table: string; readonly direct: bigint; readonly proxied: bigint }[] = [];

  /** Keys that statements have brought: they stay what they are. */
  private readonly brought = new Set<bigint>();

  constructor(private readonly site: KeyedSite) {}

  bring(keys: readonly bigint[]): void {
    for (const key of keys) this.brought.add(key);
  }

  /** What is wrong with `proxied` where the direct twin has `direct`; null: nothing. `table`: where the key stands, if known. */
  meet(direct: bigint, proxied: bigint, table: string | null): string | null {
    // A key that the statement brought, or none.
    if (direct === proxied) return null;
    if (this.brought.has(direct) || (direct > 0n && direct < GENERATED_MIN)) return `${direct} has become ${proxied}`;
    const before = this.proxied.get(direct);
    if (before !== undefined) return before === proxied ? null : `${direct} was ${before}, and is ${proxied}`;
    if (table !== null) {
      if (!this.isOurs(table, proxied))
        return `${proxied} in ${table} (directly ${direct}) is not from the site's ranges`;
      const place = `${table} ${proxied}`;
      const other = this.direct.get(place);
      if (other !== undefined) return `${proxied} was issued twice in ${table}: for ${other} and ${direct}`;
      this.direct.set(place, direct);
      this.fresh.push({ table, direct, proxied });
    }
    this.proxied.set(direct, proxied);
    return null;
  }

  /** The keys of one statement, met since the last call, rise in the proxied table as in the direct one; null: they do. */
  outOfOrder(single: boolean): string | null {
    const fresh = this.fresh.splice(0).sort((a, b) => (a.direct < b.direct ? -1 : 1));
    if (!single) return null;
    for (const table of new Set(fresh.map((one) => one.table))) {
      const keys = fresh.filter((one) => one.table === table).map(({ proxied }) => proxied);
      const at = keys.findIndex((key, index) => index > 0 && key < (keys[index - 1] ?? 0n));
      if (at >= 0) return `${keys[at]} in ${table} stands behind ${keys[at - 1]}`;
    }
    return null;
  }

  get size(): number {
    return this.direct.size;
  }

  private isOurs(table: string, key: bigint): boolean {
    const bits = tables.find(({ name }) => name === table)?.bits ?? 64;
    if (bits === 64) return isOwn(KeyedSite.scope, key);
    const blocks = this.site.whiteboard.granted.get(`app.${table}`) ?? [];
    return blocks.some(({ from, to }) => key >= from && key < to);
  }
}

/** One twin: a connection, and the schema it works in. */
export class Side {
  private file = '';

  private constructor(
    private readonly connection: Connection,
    /** MariaDB's connector, which knows bulk executions; a session of its own. */
    private readonly bulk: BulkConnection,
    readonly schema: string,
  ) {}

  static async connect(socketPath: string, schema: string): Promise<Side> {
    // eslint-disable-next-line prefer-const
    let side: Side | undefined;
    const connection = await createConnection({
      socketPath,
      ...appAccount,
      database: schema,
      maxPreparedStatements: 8,
      infileStreamFactory: () => Readable.from([Buffer.from(side?.file ?? '')]),
    });
    const bulk = await createBulkConnection({ socketPath, ...appAccount, database: schema, bulk: true });
    // So that the connector takes the statement that it has, behind USE too, as others do.
    await bulk.query('SET session_track_schema = 0');
    // Until there is one, FOUND_ROWS() tells of somebody else's.
    await connection.query('SELECT 1; DO 0');
    side = new Side(connection, bulk, schema);
    return side;
  }

  close(): void {
    this.connection.destroy();
    this.bulk.destroy();
  }

  async query(sql: string): Promise<unknown> {
    return (await this.connection.query(sql.replaceAll('{S}', this.schema)))[0];
  }

  async run(step: Step): Promise<SideOutcome> {
    const sql = step.sql.replaceAll('{S}', this.schema);
    this.file = step.file;
    const told: Told[] = [];
    const all = async (texts: readonly string[]): Promise<void> => {
      for (const text of texts) told.push(...(await this.tellText(text.replaceAll('{S}', this.schema), step.bulk)));
    };
    await all(step.before);
    if (step.bulk) {
      const rows = step.executions ?? [];
      if (step.between.length > 0) told.push(...(await this.tellBulk(sql, rows.slice(0, 1))));
      await all(step.between);
      told.push(...(await this.tellBulk(sql, step.between.length > 0 ? rows.slice(1) : rows)));
    } else if (step.executions === null) told.push(...(await this.tell(() => this.connection.query(sql))));
    else {
      if (step.between.length > 0) told.push(...(await this.tellPrepared(sql)));
      await all(step.between);
      for (const values of step.executions)
        told.push(...(await this.tell(() => this.connection.execute(sql, [...values]))));
      this.connection.unprepare(sql);
    }
    await all(step.after);
    const selects = step.tables.map((table) => `SELECT id, k, u, n, ref FROM ${this.schema}.${quoteName(table)}`);
    const lastSql = 'SELECT LAST_INSERT_ID() AS id';
    const [[own], ...rows] = (await this.query([lastSql, ...selects, 'DO 0'].join('; '))) as [Row[], ...Row[][]];
    const last = step.bulk ? (await this.bulk.query<Row[]>(lastSql))[0] : own;
    const byTable = new Map(step.tables.map((table, at) => [table, rows[at] ?? []] as const));
    return { told, lastInsertId: BigInt(last?.['id'] ?? 0), rows: byTable };
  }

  /** In the session of the step. */
  private async tellText(sql: string, bulk: boolean): Promise<Told[]> {
    if (!bulk) return this.tell(() => this.connection.query(sql));
    try {
      await this.bulk.query(sql);
      return [];
    } catch (error) {
      return [failed((error as SqlError).errno)];
    }
  }

  /** The connector keeps it for its executions. */
  private async tellPrepared(sql: string): Promise<Told[]> {
    try {
      await this.connection.prepare(sql);
      return [];
    } catch (error) {
      return [failed((error as { errno?: number }).errno ?? 0)];
    }
  }

  private async tellBulk(sql: string, rows: NonNullable<Step['executions']>): Promise<Told[]> {
    try {
      const told = await this.bulk.batch<BulkTold>(
        sql,
        rows.map((row) => [...row]),
      );
      const { affectedRows, insertId, warningStatus } = told;
      const plain = { errno: null, affected: affectedRows, warnings: warningStatus, info: '', rows: null };
      return [{ ...plain, insertId: BigInt(insertId) }];
    } catch (error) {
      const { errno } = error as SqlError;
      if (errno <= 0) throw error;
      return [failed(errno)];
    }
  }

  private async tell(work: () => Promise<[unknown, unknown]>): Promise<Told[]> {
    try {
      const [result] = await work();
      const several =
        Array.isArray(result) &&
        result.length > 0 &&
        result.some((one) => Array.isArray(one) || 'affectedRows' in (one as object));
      return (several ? (result as unknown[]) : [result]).map(toldBy);
    } catch (error) {
      const { errno } = error as { errno?: number };
      if (errno === undefined) throw error;
      return [failed(errno)];
    }
  }
}

interface BulkTold {
  readonly affectedRows: number;
  readonly insertId: bigint | number;
  readonly warningStatus: number;
}

function failed(errno: number): Told {
  return { errno, affected: 0, insertId: 0n, warnings: 0, info: '', rows: null };
}

function toldBy(result: unknown): Told {
  if (Array.isArray(result))
    return { errno: null, affected: 0, insertId: 0n, warnings: 0, info: '', rows: result as Row[] };
  const { affectedRows, insertId, warningStatus, info } = result as ResultSetHeader;
  return { errno: null, affected: affectedRows, insertId: BigInt(insertId), warnings: warningStatus, info, rows: null };
}

export interface Difference {
  readonly about: 'rows' | 'replies' | 'insert id' | 'LAST_INSERT_ID()';
  /** Which reply of the step. */
  readonly reply?: number;
  readonly text: string;
}

/** What differs between the twins, modulo the keys; empty when nothing does. */
export function differences(direct: SideOutcome, proxied: SideOutcome, keys: KeyMap): Difference[] {
  const found: Difference[] = [];
  const note = (about: Difference['about'], what: string, wrong: string | null, reply?: number): void => {
    const text = `${what}: ${wrong}`;
    if (wrong !== null) found.push(reply === undefined ? { about, text } : { about, text, reply });
  };
  for (const [table, rows] of direct.rows) {
    for (const wrong of rowDifferences(table, rows, proxied.rows.get(table) ?? [], keys)) note('rows', table, wrong);
  }
  if (direct.told.length !== proxied.told.length)
    note('replies', 'replies', `${direct.told.length} and ${proxied.told.length}`);
  direct.told.forEach((one, at) => {
    const other = proxied.told[at];
    if (other === undefined) return;
    const plain = (told: Told): string =>
      JSON.stringify([told.errno, told.affected, told.warnings, told.info, told.rows?.length ?? null]);
    if (plain(one) !== plain(other)) note('replies', `reply ${at}`, `${plain(one)} and ${plain(other)}`);
    note('insert id', `insert id of reply ${at}`, keys.meet(one.insertId, other.insertId, null), at);
    one.rows?.forEach((row, index) => {
      if (row['id'] !== undefined)
        note('replies', 'RETURNING', keys.meet(BigInt(row['id'] ?? 0), BigInt(other.rows?.[index]?.['id'] ?? 0), null));
    });
  });
  note('LAST_INSERT_ID()', 'LAST_INSERT_ID()', keys.meet(direct.lastInsertId, proxied.lastInsertId, null));
  return found;
}

function rowDifferences(table: string, direct: readonly Row[], proxied: readonly Row[], keys: KeyMap): string[] {
  const found: string[] = [];
  const byTag = new Map(proxied.map((row) => [row['u'] ?? '', row]));
  if (direct.length !== proxied.length) found.push(`${direct.length} and ${proxied.length} rows`);
  for (const row of [...direct].sort((a, b) => Number(BigInt(a['id'] ?? 0) - BigInt(b['id'] ?? 0)))) {
    const other = byTag.get(row['u'] ?? '');
    if (other === undefined) {
      found.push(`no row ${row['u']}`);
      continue;
    }
    if (row['k'] !== other['k'] || row['n'] !== other['n'])
      found.push(`row ${row['u']}: ${JSON.stringify([row, other])}`);
    const pair = { direct: BigInt(row['id'] ?? 0), proxied: BigInt(other['id'] ?? 0) };
    const wrong = keys.meet(pair.direct, pair.proxied, table);
    if (wrong !== null) found.push(wrong);
    const reference = keys.meet(BigInt(row['ref'] ?? 0), BigInt(other['ref'] ?? 0), null);
    if (reference !== null) found.push(`row ${row['u']} refers to another: ${reference}`);
  }
  return found;
}
