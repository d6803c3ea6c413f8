import { randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { join, resolve } from 'node:path';
import { type ControlReply, type ControlRequest, serveControl } from './control';
import { findOrInstallServer } from './find-server';
import { Guardian } from './guardian';
import { labFilePath, writeLabFile } from './lab-file';
import { LabLinks, type LinkReport } from './links';
import { LabSite } from './lab-site';
import { copyDatabase, seedDatabase } from './seed';

export interface LabOptions {
  /** How many sites; they are called a, b, c, … */
  readonly sites: number;
  readonly dir: string;
  /** SQL for the lab's schema, plain or .gz; null: the built-in sample. */
  readonly sqlFile: string | null;
  /** False: the sites keep no replies in memory. */
  readonly cache: boolean;
  /** Leave the folder in place at the end. */
  readonly keep: boolean;
  readonly say: (line: string) => void;
  /** Gives up building: `start` rejects once what it made is gone. A lab that stands is ended with `stop`. */
  readonly signal: AbortSignal;
}

/** The lab cannot start here, and the message says why. */
export class LabError extends Error {
  readonly code = 'DUARA_LAB';
}

/** The lab was asked for with an option that cannot be. */
export class LabUsageError extends Error {
  readonly code = 'DUARA_LAB_USAGE';
}

export const labSchema = 'moodle';
const siteCountMax = 26;
/** A unix socket's path has room for 107 bytes. */
const dirLengthMax = 80;

/** Several sites on this machine, each a real database server with Duara before it. */
export class Lab {
  readonly dir: string;
  readonly sites: LabSite[] = [];
  private readonly guardian: Guardian;
  private readonly links = new LabLinks();
  private control: Server | null = null;
  private ready = false;
  private stopping: Promise<void> | null = null;
  /** Resolves when the lab has ended, whoever asked for it. */
  readonly ended: Promise<void>;
  private signalEnd: () => void = () => undefined;

  private constructor(private readonly options: LabOptions) {
    this.dir = resolve(options.dir);
    this.ended = new Promise((done) => (this.signalEnd = done));
    this.guardian = new Guardian(options.keep ? null : this.dir);
  }

  /** Makes and starts everything; resolves when all sites are ready and lab.json is written. */
  static async start(options: LabOptions): Promise<Lab> {
    checkOptions(options);
    makeFolder(resolve(options.dir));
    const lab = new Lab(options);
    try {
      await lab.build();
    } catch (error) {
      await lab.stop();
      throw error;
    }
    return lab;
  }

  get controlSocket(): string {
    return join(this.dir, 'control.sock');
  }

  /** Ends every process, and removes the folder unless it is to be kept. */
  stop(): Promise<void> {
    this.stopping ??= this.shutDown();
    return this.stopping;
  }

  private async build(): Promise<void> {
    const { say, signal, keep } = this.options;
    say(`the lab lives in ${this.dir}${keep ? '' : ' (removed at the end)'}`);
    const binary = findOrInstallServer(say);
    const application = { user: 'moodle', password: randomBytes(9).toString('base64url'), database: labSchema };
    const duara = { user: 'duara', password: randomBytes(18).toString('base64url') };
    const ringSecret = randomBytes(32).toString('base64');
    for (let i = 0; i < this.options.sites; i++) {
      const name = String.fromCharCode('a'.charCodeAt(0) + i);
      const dir = join(this.dir, name);
      const { guardian } = this;
      const onChange = (): void => this.publish();
      const { cache } = this.options;
      const shared = { binary, cache, application, duara, ringSecret, guardian, onChange };
      this.sites.push(await LabSite.create({ ...shared, name, dir, serverId: i + 1 }));
    }
    say(`preparing the database of site a (${binary.version})`);
    const sqlFile = this.options.sqlFile ?? join(__dirname, 'sample.sql');
    const founderDir = join(this.dir, 'a');
    await seedDatabase({
      binary,
      dir: founderDir,
      schema: labSchema,
      sqlFile,
      application,
      duara,
      guardian: this.guardian,
      signal,
    });
    for (const site of this.sites.slice(1)) copyDatabase(founderDir, join(this.dir, site.name));
    signal.throwIfAborted();
    await this.links.open(this.sites);
    for (const site of this.sites) {
      site.configure({ peers: this.links.peersOf(site.name), founder: site === this.sites[0] });
    }
    say(`starting ${this.sites.length} sites`);
    await Promise.all(this.sites.map((site) => site.start()));
    signal.throwIfAborted();
    this.control = await serveControl(this.controlSocket, (request) => this.handle(request));
    this.ready = true;
    this.publish();
  }

  private publish(): void {
    if (!this.ready || this.stopping !== null) return;
    const sites = this.sites.map((site) => site.describe());
    writeLabFile(this.dir, { pid: process.pid, control: this.controlSocket, sites });
  }

  private async handle(request: ControlRequest): Promise<ControlReply> {
    switch (request.verb) {
      case 'kill':
        await this.site(request.site).kill(request.what);
        return { ok: true, lines: [`site ${request.site}: killed`] };
      case 'start':
        await this.site(request.site).start();
        return { ok: true, lines: [`site ${request.site}: running`] };
      case 'stop':
        // Answered before it is done: the asker waits for this process to end.
        setImmediate(() => void this.stop());
        return { ok: true, lines: [] };
      case 'cut':
      case 'heal':
        return this.setLinks(request.verb, request.site, request.other);
      case 'links':
        return { ok: true, lines: this.links.report().map(describeLink), data: this.links.report() };
    }
  }

  private setLinks(state: 'cut' | 'heal', site: string, other: string | null): ControlReply {
    const otherName = other === null ? null : this.site(other).name;
    if (otherName === this.site(site).name) throw new LabError('a site has no link to itself');
    const pairs = this.links.set(state, this.site(site).name, otherName);
    const done = state === 'cut' ? 'cut' : 'healed';
    return {
      ok: true,
      lines: pairs.length === 0 ? ['there is no such link'] : pairs.map((pair) => `${done}: ${pair}`),
    };
  }

  private site(name: string): LabSite {
    const found = this.sites.find((site) => site.name === name.toLowerCase());
    if (found === undefined) {
      throw new LabError(`no site ${name}; there are: ${this.sites.map((site) => site.name).join(', ')}`);
    }
    return found;
  }

  private async shutDown(): Promise<void> {
    rmSync(labFilePath(this.dir), { force: true });
    await Promise.all(this.sites.map((site) => site.stop()));
    await this.links.close();
    const control = this.control;
    control?.close();
    await this.guardian.dismiss();
    if (this.options.keep) rmSync(this.controlSocket, { force: true });
    else rmSync(this.dir, { recursive: true, force: true });
    this.signalEnd();
  }
}

function describeLink({ from, to, bytesTo, bytesFrom, cutOff }: LinkReport): string {
  return `${from} → ${to}  ${bytesTo} bytes there, ${bytesFrom} back${cutOff ? '  (cut)' : ''}`;
}

function checkOptions(options: LabOptions): void {
  const dir = resolve(options.dir);
  if (!Number.isInteger(options.sites) || options.sites < 1 || options.sites > siteCountMax) {
    throw new LabUsageError(`--sites must be a whole number from 1 to ${siteCountMax}`);
  }
  if (Buffer.byteLength(dir) > dirLengthMax) {
    throw new LabUsageError(`${dir} is too long a name: unix sockets inside it have room for ${dirLengthMax} bytes`);
  }
  if (options.sqlFile !== null && !existsSync(options.sqlFile)) throw new LabUsageError(`no file ${options.sqlFile}`);
  if (existsSync(dir) && readdirSync(dir).length > 0) {
    throw new LabError(
      `${dir} is not empty: if a lab runs in it, end that (duara lab stop --dir ${dir}); ` +
        'if none does, remove the folder; or name another --dir',
    );
  }
}

function makeFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
    accessSync(dir, constants.W_OK);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LabError(`${dir} cannot be written to (${reason}): name another --dir`);
  }
}
