import { createConnection } from 'mysql2/promise';
import type { KeySource } from '../../proxy/ports';
import { quoteName } from '../../proxy/sql/names';
import type { ServerBinary } from '../../site/lab/find-server';
import { Chance } from '../fuzz/chance';
import { type Explanation, explanations } from './explained';
import { InsertGenerator, type Step } from './insert-generator';
import { idleTriggersSql, schemaSql, tableNames } from './insert-tables';
import { KeyTaker } from './key-taker';
import { KeyedSite } from './keyed-site';
import { differences, KeyMap, Side } from './twins';

export interface InsertRun {
  readonly seed: number;
  readonly statements: number;
  /** Statements between two starts of the site, about. */
  readonly restartEvery: number;
  /** A mutant. */
  readonly wrapKeys?: (keys: KeySource) => KeySource;
  /** Clients are relayed by another thread than the one that gives the keys. */
  readonly otherThread?: boolean;
  /** Another session takes keys meanwhile: see KeyTaker. */
  readonly jumps?: boolean;
  readonly progress?: (done: number, keys: number) => void;
}

export interface InsertFinding {
  readonly statement: number;
  readonly step: Step;
  readonly wrong: readonly string[];
}

export interface InsertResult {
  readonly statements: number;
  /** Keys generated and compared. */
  readonly keys: number;
  readonly restarts: number;
  /** Statements by form; those that failed alike in both among them. */
  readonly forms: ReadonlyMap<string, { readonly count: number; readonly failed: number }>;
  readonly findings: readonly InsertFinding[];
  /** Statements whose difference is a known one, by its explanation. */
  readonly explained: ReadonlyMap<Explanation, number>;
}

const FINDINGS_MAX = 20;
/** Statements after which the tables are emptied: what was deleted must not come again either. */
const EMPTY_EVERY = 25;
/** Sequences and blocks are moved as the site's timers would. */
const TIMERS_EVERY = 10;

/** Runs the statements of a seed on both twins; ends at the first that differ when `statements` are done or too much was found. */
export async function runInserts(binary: ServerBinary, run: InsertRun): Promise<InsertResult> {
  const leaseKeys = { 8: 8n, 16: 64n, 24: 2048n, 32: 4096n };
  const { wrapKeys, otherThread = false } = run;
  const wrapped = wrapKeys === undefined ? {} : { wrapKeys };
  const site = await KeyedSite.start(binary, { leaseKeys, otherThread, ...wrapped });
  try {
    const direct = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    for (const schema of ['direct', 'app']) await direct.query(schemaSql().replaceAll('{S}', schema));
    await direct.query(idleTriggersSql('direct'));
    await direct.end();
    await site.schemaChanged();
    const taker = run.jumps === true ? await KeyTaker.start(site) : null;
    try {
      return await new Runner(site, run).go();
    } finally {
      taker?.stop();
    }
  } finally {
    await site.stop();
  }
}

class Runner {
  private readonly chance: Chance;
  private readonly generator: InsertGenerator;
  private readonly keys: KeyMap;
  private readonly forms = new Map<string, { count: number; failed: number }>();
  private readonly findings: InsertFinding[] = [];
  private readonly explained = new Map<Explanation, number>();
  private sides: readonly [Side, Side] | null = null;
  private restarts = 0;

  constructor(
    private readonly site: KeyedSite,
    private readonly run: InsertRun,
  ) {
    this.chance = new Chance(run.seed + 1);
    this.generator = new InsertGenerator(run.seed);
    this.keys = new KeyMap(site);
  }

  async go(): Promise<InsertResult> {
    let done = 0;
    for (; done < this.run.statements && this.findings.length < FINDINGS_MAX; done++) {
      if (done > 0 && this.chance.oneIn(this.run.restartEvery)) await this.restart();
      if (done % EMPTY_EVERY === 0) await this.empty();
      if (done % TIMERS_EVERY === 0) await this.timers();
      await this.one(done);
      if (done % 1000 === 999) this.run.progress?.(done + 1, this.keys.size);
    }
    this.disconnect();
    const { forms, findings, restarts, explained } = this;
    return { statements: done, keys: this.keys.size, restarts, forms, findings, explained };
  }

  private async one(statement: number): Promise<void> {
    const step = this.generator.next();
    const [direct, proxied] = await this.connected();
    const [mine, theirs] = await Promise.all([direct.run(step), proxied.run(step)]);
    this.keys.bring(step.large);
    const found = differences(mine, theirs, this.keys);
    const outcome = { step, direct: mine, proxied: theirs, found, jumps: this.run.jumps === true };
    const explanation = found.length === 0 ? undefined : explanations.find((one) => one.applies(outcome));
    const wrong = explanation === undefined ? found.map(({ text }) => text) : [];
    if (explanation !== undefined) this.explained.set(explanation, (this.explained.get(explanation) ?? 0) + 1);
    const disorder = this.keys.outOfOrder(/^(values|set|select|load)/.test(step.form));
    if (disorder !== null) wrong.push(disorder);
    if (wrong.length > 0) this.findings.push({ statement, step, wrong });
    const failed = [...mine.told, ...theirs.told].some(({ errno }) => errno !== null);
    const form = this.forms.get(step.form) ?? { count: 0, failed: 0 };
    form.count += 1;
    if (mine.told.some(({ errno }) => errno !== null)) form.failed += 1;
    this.forms.set(step.form, form);
    // After an error within a text, settings of the text may still be in force, or a transaction open.
    if (failed)
      await Promise.all(
        [direct, proxied].map((side) =>
          side.query('UNLOCK TABLES; ROLLBACK; SET sql_mode = DEFAULT, autocommit = 1; USE {S}; SELECT 1; DO 0'),
        ),
      );
    // What differs once shall not be found again in what follows.
    if (found.length > 0 || wrong.length > 0) {
      await this.empty();
      // Nor what LAST_INSERT_ID() is.
      this.disconnect();
    }
  }

  private async connected(): Promise<readonly [Side, Side]> {
    this.sides ??= await Promise.all([
      Side.connect(this.site.server.socket, 'direct'),
      Side.connect(this.site.socket, 'app'),
    ]);
    return this.sides;
  }

  private disconnect(): void {
    for (const side of this.sides ?? []) side.close();
    this.sides = null;
  }

  /** Ends the site's process, well or by force, and starts it with a clock that jumped. */
  private async restart(): Promise<void> {
    this.disconnect();
    this.restarts += 1;
    const hours = this.chance.of([0, 0, -1, 1, -30, 30, -20_000]);
    this.site.clockOffsetMs = hours * 3_600_000;
    await this.site.restart(this.chance.oneIn(2) ? 'crash' : 'clean');
  }

  private async empty(): Promise<void> {
    const [direct, proxied] = await this.connected();
    const sql = tableNames.map((table) => `DELETE FROM {S}.${quoteName(table)}`).join('; ');
    await Promise.all([direct.query(sql), proxied.query(sql)]);
  }

  private async timers(): Promise<void> {
    await this.site.triggers.advance();
    await this.site.triggers.refill();
  }
}
