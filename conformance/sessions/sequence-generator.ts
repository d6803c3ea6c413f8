import { Chance } from '../fuzz/chance';
import { type ClientKind, clientsOf } from './session-clients';
import { keyedReads, keyedWrites } from './keyed-texts';
import { type SceneName, sceneNames, scenes, stepOf } from './session-scenes';
import { countedWrites, plainReads, reads, writes } from './session-texts';
import type { Deed, Reconnect, SaidStep, Words } from './session-words';

/** Commands that go out in one segment: mostly one. */
export type Said = readonly SaidStep[];

/** What one of the sessions says, or that this one ends and another one begins in its place. */
export interface Command {
  readonly who: number;
  readonly what: Said | Reconnect;
}

/** What some sessions do one after another, command by command. */
export interface Sequence {
  readonly seed: number;
  /** Of each session. */
  readonly clients: readonly ClientKind[];
  /** The tables are replicated: keys come with the statements, or from the site. */
  readonly replicated: boolean;
  readonly commands: readonly Command[];
}

/** Of the texts in `writes`, those that concern what is read most. */
const FREQUENT_WRITES = 16;

/** What all sessions say first. */
const beginnings = [
  null,
  null,
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  "SET SESSION sql_mode = 'STRICT_ALL_TABLES', NAMES utf8mb4",
  'SET autocommit = 1',
];

/** Equal seeds make equal sequences. `form`: these, beside what all do. */
export function sequenceOf(seed: number, length: number, form: SceneName | null = null): Sequence {
  const chance = new Chance(seed);
  const replicated = chance.oneIn(2);
  const repeated = Array.from({ length: 3 + chance.below(5) }, () =>
    chance.of(chance.oneIn(5) ? keyedReads : reads)(chance),
  );
  const often = Array.from({ length: 3 }, () => chance.of(plainReads)(chance));
  const read = (): string => chance.of(chance.oneIn(2) ? often : repeated);
  const favoured = Array.from({ length: 4 }, () => chance.of(writes.slice(0, FREQUENT_WRITES))(chance));
  const write = (): string => {
    if (chance.oneIn(2)) return chance.of(favoured);
    if (chance.oneIn(3)) return chance.of(keyedWrites)(chance);
    return chance.of(replicated || !chance.oneIn(5) ? writes : countedWrites)(chance);
  };
  const chosen = Array.from({ length: 1 + chance.below(4) }, () => form ?? chance.of(sceneNames));
  if (chance.oneIn(3)) chosen.push('reconnects');
  if (chance.oneIn(4)) chosen.push('transaction', 'transaction');
  const clients = clientsOf(chance, replicated);
  const words = clients.map((): Words => ({ chance, read, write, statements: [] }));
  const first = chance.of(beginnings);
  const commands = first === null ? [] : clients.map((_, who) => command(who, first));
  while (commands.length < length) {
    const who = chance.below(clients.length);
    const own = words[who];
    if (own === undefined) throw new RangeError('nobody says it');
    const scene = scenes[chance.oneIn(2) ? 'read' : chance.oneIn(3) ? 'write' : chance.of(chosen)];
    const deeds = scene(own);
    if (deeds.some(waitsForOthers)) commands.push(...quiet(clients.length, who));
    const interleaved = deeds.length > 1 && chance.oneIn(3) && !deeds.some(waitsForOthers);
    if (deeds.length > 1 && chance.oneIn(8) && deeds.every(mayGoTogether))
      commands.push({ who, what: deeds.map(stepOf) });
    else
      for (const deed of deeds) {
        commands.push(command(who, deed));
        if (interleaved && chance.oneIn(2)) commands.push(...meanwhile(own, clients.length));
      }
  }
  return { seed, clients, replicated, commands };
}

/** What another session does in the middle of a scene. */
function meanwhile(words: Words, sessions: number): Command[] {
  const { chance } = words;
  const other = chance.below(sessions);
  const deeds = chance.oneIn(2) ? [words.write(), words.read()] : scenes.read(words);
  return deeds.map((deed) => command(other, deed));
}

function command(who: number, deed: Deed): Command {
  return { who, what: typeof deed === 'object' && 'how' in deed ? deed : [stepOf(deed)] };
}

/** Definitions change and tables are locked when nobody else uses them: a wait for a lock would end after a second. */
function waitsForOthers(deed: Deed): boolean {
  return (
    typeof deed === 'string' &&
    /^(ALTER|RENAME|TRUNCATE|CREATE|DROP|LOCK|FLUSH|ANALYZE|OPTIMIZE|EXECUTE IMM|BEGIN NOT ATOMIC CREATE)/.test(deed)
  );
}

function quiet(sessions: number, who: number): Command[] {
  const others = Array.from({ length: sessions }, (_, at) => at).filter((at) => at !== who);
  return others.map((at) => command(at, 'UNLOCK TABLES; ROLLBACK'));
}

/** Whether the command may leave other tables, views, triggers or routines behind. */
export function redefines(command: Command): boolean {
  return /ALTER |RENAME |TRUNCATE|(?<!SHOW )CREATE (?!TEMP)|DROP (?!PREP|TEMP)|OPTIMIZE/.test(textOf(command));
}

/** For people. */
export function textOf({ what }: Command): string {
  return 'how' in what ? `(${what.how}, and connects again)` : what.map((step) => step.what).join(' | ');
}

/** It needs nothing that comes back of those before it. */
function mayGoTogether(deed: Deed): deed is string | SaidStep {
  if (typeof deed === 'string') return true;
  return !('how' in deed) && deed.names === undefined && deed.reply !== 'authentication' && deed.files.length === 0;
}
