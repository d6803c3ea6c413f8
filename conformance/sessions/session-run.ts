import { caseSeed } from '../fuzz/chance';
import { type Command, sequenceOf, type Sequence, textOf } from './sequence-generator';
import { kindText } from './session-clients';
import type { SceneName } from './session-scenes';
import type { Outcome, TwinSessions } from './twin-sessions';
import { explanationOf, type Explanation } from './explained';

/** Where a sequence hears something else through the proxy. */
export interface Finding {
  readonly sequence: Sequence;
  /** Which command; the number of commands: what was left in the tables. */
  readonly at: number;
  readonly direct: readonly string[];
  readonly proxied: readonly string[];
}

export interface RunResult {
  readonly sequences: number;
  readonly commands: number;
  readonly hits: number;
  readonly reused: number;
  readonly findings: readonly Finding[];
  /** Of sequences that do not hear the same each time: differences that did not come again, or come without the proxy too. */
  readonly unsteady: readonly Finding[];
  readonly explained: ReadonlyMap<Explanation, number>;
}

export interface RunOptions {
  readonly seed: number;
  readonly sequences: number;
  /** Commands of one sequence, about. */
  readonly length: number;
  /** Beside what all sequences do, these only. */
  readonly form?: SceneName | null;
  /** No more are looked for. */
  readonly findingsMax?: number;
  /** What is found is left as long as it is. */
  readonly unshrunk?: boolean;
  readonly progress?: (done: number, hits: number) => void;
}

/** How often a sequence is played to make it shorter. */
const SHRINK_PLAYS = 160;

export async function runSessions(twins: TwinSessions, options: RunOptions): Promise<RunResult> {
  const { seed, sequences, length, findingsMax = 5 } = options;
  const findings: Finding[] = [];
  const unsteady: Finding[] = [];
  const explained = new Map<Explanation, number>();
  const [hits, reused] = [twins.hits, twins.reused];
  let [done, commands] = [0, 0];
  for (; done < sequences && findings.length < findingsMax; done++) {
    const sequence = sequenceOf(sequences === 1 ? seed : caseSeed(seed, done), length, options.form);
    commands += sequence.commands.length;
    const found = await differenceOf(twins, sequence);
    if (found !== null) {
      const why = explanationOf(found);
      if (why !== null) explained.set(why, (explained.get(why) ?? 0) + 1);
      else if (!(await steady(twins, sequence))) unsteady.push(found);
      else findings.push(options.unshrunk === true ? found : await shrunk(twins, found));
    }
    options.progress?.(done + 1, twins.hits - hits);
  }
  return {
    ...{ sequences: done, commands, findings, unsteady, explained },
    ...{ hits: twins.hits - hits, reused: twins.reused - reused },
  };
}

/** The first difference; null: there is none. */
export async function differenceOf(twins: TwinSessions, sequence: Sequence): Promise<Finding | null> {
  return compared(sequence, await twins.play(sequence, false), await twins.play(sequence, true));
}

function compared(sequence: Sequence, direct: Outcome, proxied: Outcome): Finding | null {
  const told = ({ heard, left }: Outcome): (readonly string[])[] => [...heard, left];
  const [one, other] = [told(direct), told(proxied)];
  const at = one.findIndex((lines, index) => lines.join('\n') !== other[index]?.join('\n'));
  return at < 0 ? null : { sequence, at, direct: one[at] ?? [], proxied: other[at] ?? [] };
}

/** The server itself says the same again, and the proxy something else again. */
async function steady(twins: TwinSessions, sequence: Sequence): Promise<boolean> {
  const direct = await twins.play(sequence, false);
  if (compared(sequence, direct, await twins.play(sequence, false)) !== null) return false;
  return compared(sequence, direct, await twins.play(sequence, true)) !== null;
}

/** Without the commands that it does not take. */
async function shrunk(twins: TwinSessions, finding: Finding): Promise<Finding> {
  const upTo = (commands: readonly Command[], at: number): readonly Command[] => commands.slice(0, at + 1);
  let best = finding;
  let commands = upTo(finding.sequence.commands, finding.at);
  let plays = 0;
  for (let size = Math.ceil(commands.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = commands.length - size; at > -size && plays < SHRINK_PLAYS; at -= size) {
      const fewer = [...commands.slice(0, Math.max(at, 0)), ...commands.slice(at + size)];
      plays += 1;
      const found = await differenceOf(twins, { ...finding.sequence, commands: fewer });
      if (found === null || explanationOf(found) !== null) continue;
      best = found;
      commands = upTo(found.sequence.commands, found.at);
      at = Math.min(at, commands.length);
    }
  }
  return { ...best, sequence: { ...best.sequence, commands } };
}

/** For people: who says what, and how the last one differs. */
export function toldOf({ sequence, direct, proxied }: Finding): string {
  const { seed, clients, replicated, commands } = sequence;
  const lines = commands.map((command) => {
    const { who } = command;
    return `  ${'abc'[who] ?? who}: ${textOf(command)}`;
  });
  const isLeft = direct.some((line) => line.startsWith('child '));
  const [where, shown] = isLeft ? ['what is left in the tables', 1_000] : ['the last reply', 300];
  const differing = (lines: readonly string[], others: readonly string[]): readonly string[] =>
    isLeft ? lines.filter((line) => !others.includes(line)) : lines;
  return [
    `seed ${seed}, ${replicated ? 'replicated' : 'not replicated'}`,
    ...clients.map((kind, who) => `  ${'abc'[who] ?? who} is ${kindText(kind)}`),
    ...lines,
    `  ${where}, direct:`,
    ...differing(direct, proxied).map((line) => readable(line, shown)),
    '  and through the proxy:',
    ...differing(proxied, direct).map((line) => readable(line, shown)),
  ].join('\n');
}

/** The bytes of a packet, and what of them can be read. */
function readable(line: string, shown: number): string {
  const [, hex] = /^\d+ ([0-9a-f]*)$/.exec(line) ?? [];
  const text =
    hex === undefined
      ? ''
      : Buffer.from(hex, 'hex')
          .toString('latin1')
          .replace(/[^ -~]+/g, '·');
  return `    ${line.slice(0, shown)}  ${text.slice(0, 200)}`;
}
