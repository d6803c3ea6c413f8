import type { Incarnation, VersionVector } from '../../replicator/change-set';
import { randomChanges } from '../../replicator/merge/testing/random-history';
import { formatVector } from '../../replicator/version-vector';
import type { SiteName, WhiteboardOutcome } from '../../ring/api';
import { convergenceProblem } from './checkers/convergence';
import { linearizabilityProblem, type HistoryEntry, type HistoryOutcome } from './checkers/linearizability';
import { Machine } from './machine';
import type { Mutant } from './mutants';
import { CALM, Network, WHOLE, type NetworkFaults } from './network';
import type { Violation } from './site';
import { World } from './world';

export interface RunOptions {
  readonly seed: number;
  readonly sites: number;
  /** Virtual time with faults. */
  readonly faultyMs: number;
  readonly mutant: Mutant | null;
}

export interface RunResult {
  readonly seed: number;
  readonly sites: number;
  readonly violations: readonly Violation[];
  readonly trace: readonly string[];
  readonly virtualMs: number;
  readonly commits: number;
  readonly conflicts: number;
  readonly crashes: number;
  readonly splits: number;
  readonly messages: number;
  readonly lost: number;
  readonly whiteboard: Readonly<Record<'done' | 'failed' | 'unknown', number>>;
}

const JOIN_MS = 300_000;
const HEAL_MS = 600_000;
const BOARDS = ['board/a', 'board/b'] as const;

/** One run: sites join, live through faults, heal, and are checked. Everything follows from the seed. */
export function simulate(options: RunOptions): RunResult {
  const run = new Run(options);
  try {
    run.all();
  } catch (error) {
    // The models throw where a real database would refuse: that is a finding, with its trace.
    run.violations.push({ check: 'database', detail: error instanceof Error ? error.message : String(error) });
  }
  return run.result();
}

class Run {
  readonly violations: Violation[] = [];
  private readonly world: World;
  private readonly network: Network;
  private readonly machines: readonly Machine[];
  private readonly histories = new Map<string, HistoryEntry[]>(BOARDS.map((board) => [board, []]));
  private splits = 0;
  private faulty = false;
  private nextId = 1;

  constructor(private readonly options: RunOptions) {
    this.world = new World(options.seed);
    this.network = new Network(this.world);
    this.machines = Array.from({ length: options.sites }, (_, i) => {
      return new Machine({
        ...{ name: `site${i + 1}`, founder: i === 0, world: this.world, network: this.network, mutant: options.mutant },
        skewMs: this.world.chance(70) ? this.world.random(200) : this.world.random(60_000),
        violated: (violation) => this.violations.push(violation),
      });
    });
    for (const machine of this.machines) this.network.add(machine);
  }

  all(): void {
    for (const machine of this.machines) machine.start();
    this.network.start();
    const joined = this.world.runUntil(JOIN_MS, () => this.machines.every(({ replicator }) => replicator !== null));
    if (!joined) {
      this.violations.push({ check: 'joining', detail: 'not all sites became members' });
      return;
    }
    this.live();
    this.heal();
    this.check();
  }

  private live(): void {
    this.faulty = true;
    this.network.faults = this.chooseFaults();
    for (const machine of this.machines) this.write(machine);
    this.useBoards();
    this.crashSometimes();
    this.splitSometimes();
    this.setClocksSometimes();
    this.world.runUntil(this.world.nowMs + this.options.faultyMs);
    this.faulty = false;
  }

  private chooseFaults(): NetworkFaults {
    const { world } = this;
    return {
      breakPermille: world.pick([0, 2, 20]),
      duplicatePermille: world.pick([0, 20, 100]),
      reorderPermille: world.pick([0, 20, 100]),
      latencyMaxMs: world.pick([20, 300, 2_000]),
    };
  }

  private whileFaulty(leastMs: number, mostMs: number, act: () => void): void {
    this.world.after(this.world.between(leastMs, mostMs), () => {
      if (!this.faulty) return;
      act();
      this.whileFaulty(leastMs, mostMs, act);
    });
  }

  private write(machine: Machine): void {
    this.whileFaulty(50, 3_000, () => {
      const { random } = this.world;
      const done = machine.commit(randomChanges(machine.database.rows, { random, sparse: false }));
      if (!done) return;
      this.world.note(`${machine.name} commits its transaction ${machine.database.commits}`);
      // The worst moments for a crash are those in which capture has read it, half way to the disk.
      if (this.world.chance(4)) this.world.after(this.world.random(80), () => this.crash(machine));
    });
  }

  private useBoards(): void {
    this.whileFaulty(100, 1_500, () => {
      const machine = this.world.pick(this.machines);
      if (machine.up) this.useBoard(machine, this.world.pick(BOARDS), this.world.chance(60) ? 'append' : 'read');
    });
  }

  private useBoard(machine: Machine, board: string, kind: HistoryEntry['kind']): void {
    const id = `${kind === 'append' ? 'a' : 'r'}${this.nextId++}`;
    const history = this.histories.get(board)!;
    const at = history.length;
    const { world } = this;
    const begun = { id, site: machine.name, kind, invokedMs: world.nowMs };
    history.push({ ...begun, returnedMs: Infinity, outcome: { kind: 'unknown' } });
    world.note(`${machine.name} begins ${kind} ${id} on ${board}`);
    const change = kind === 'read' ? null : (current: string | null) => JSON.stringify([...listOf(current), id]);
    machine.whiteboard(board, change, (answer) => {
      const outcome = outcomeOf(answer);
      const returnedMs = outcome.kind === 'unknown' ? Infinity : world.nowMs;
      history[at] = { ...begun, returnedMs, outcome };
      world.note(
        `${machine.name} ends ${kind} ${id}: ${answer.kind} ${'value' in answer ? answer.value : answer.reason}`,
      );
    });
  }

  private crashSometimes(): void {
    this.whileFaulty(3_000, 20_000, () => {
      this.crash(this.world.pick(this.machines));
    });
  }

  private crash(machine: Machine): void {
    if (!machine.up || !this.faulty) return;
    machine.crash();
    this.world.after(this.world.between(100, 15_000), () => this.revive(machine));
  }

  private revive(machine: Machine): void {
    if (!machine.up) machine.start();
  }

  private splitSometimes(): void {
    this.whileFaulty(5_000, 25_000, () => {
      this.splits++;
      const sides = new Map<SiteName, number>(this.machines.map(({ name }) => [name, this.world.random(2)]));
      const oneWay = this.world.chance(30);
      this.world.note(
        `${oneWay ? 'one-way split' : 'split'}: ${this.machines.map(({ name }) => `${name} on side ${sides.get(name)}`).join(', ')}`,
      );
      this.network.split({ sides, oneWay });
      this.world.after(this.world.between(1_000, 20_000), () => {
        this.world.note('the split heals');
        this.network.split(WHOLE);
      });
    });
  }

  /** Boards without a battery clock are set by hand, or by the first server that answers. */
  private setClocksSometimes(): void {
    this.whileFaulty(5_000, 30_000, () => {
      const machine = this.world.pick(this.machines);
      machine.skewMs = this.world.between(-3_600_000, 3_600_000);
      this.world.note(`${machine.name} has its clock set ${machine.skewMs} ms off`);
    });
  }

  private heal(): void {
    this.world.note('all faults end');
    this.network.faults = CALM;
    this.network.split(WHOLE);
    for (const machine of this.machines) this.revive(machine);
    const endMs = this.world.nowMs + HEAL_MS;
    if (!this.world.runUntil(endMs, () => this.isAtRest())) {
      this.violations.push({ check: 'liveness', detail: `not at rest after healing:\n${this.progress()}` });
      return;
    }
    for (const machine of this.machines) for (const board of BOARDS) this.useBoard(machine, board, 'read');
    this.world.runUntil(endMs, () => this.machines.every(({ openRequests }) => openRequests === 0));
    for (const history of this.histories.values()) {
      for (const { id, outcome } of history.slice(-this.machines.length)) {
        if (outcome.kind === 'value') continue;
        this.violations.push({ check: 'liveness', detail: `after healing the whiteboard read ${id} came to nothing` });
      }
    }
  }

  private isAtRest(): boolean {
    const all = formatVector(this.committed());
    return this.machines.every(
      ({ openRequests, replicator }) =>
        openRequests === 0 && replicator !== null && formatVector(replicator.reached) === all,
    );
  }

  private committed(): VersionVector {
    return new Map(this.machines.map(({ scope, database }) => [scope as Incarnation, BigInt(database.commits)]));
  }

  private progress(): string {
    const lines = this.machines.map(
      ({ name, replicator, openRequests }) =>
        `  ${name}: ${replicator === null ? 'not a member' : formatVector(replicator.reached)}, ${openRequests} whiteboard requests open`,
    );
    return [`  committed: ${formatVector(this.committed())}`, ...lines].join('\n');
  }

  private check(): void {
    const states = this.machines.map(({ name, database, replicator }) => {
      return { name, rows: database.rows, conflicts: database.conflicts, applied: replicator?.reached ?? new Map() };
    });
    const convergence = convergenceProblem(states);
    if (convergence !== null) this.violations.push({ check: 'convergence', detail: convergence });
    for (const [board, history] of this.histories) {
      const problem = linearizabilityProblem(history);
      if (problem !== null) this.violations.push({ check: 'linearizability', detail: `${board}: ${problem}` });
    }
  }

  result(): RunResult {
    const { seed, sites } = this.options;
    const entries = [...this.histories.values()].flat();
    const count = (kind: HistoryOutcome['kind']): number =>
      entries.filter(({ outcome }) => outcome.kind === kind).length;
    const sum = (value: (machine: Machine) => number): number =>
      this.machines.reduce((total, machine) => total + value(machine), 0);
    return {
      ...{ seed, sites, violations: this.violations, trace: this.world.trace, virtualMs: this.world.nowMs },
      commits: sum(({ database }) => database.commits),
      conflicts: Math.max(...this.machines.map(({ database }) => database.conflicts.size)),
      crashes: sum(({ crashes }) => crashes),
      splits: this.splits,
      messages: this.network.sent.messages,
      lost: this.network.sent.lost,
      whiteboard: { done: count('value'), failed: count('failed'), unknown: count('unknown') },
    };
  }
}

function listOf(value: string | null): string[] {
  return value === null ? [] : (JSON.parse(value) as string[]);
}

function outcomeOf(answer: WhiteboardOutcome): HistoryOutcome {
  switch (answer.kind) {
    case 'committed':
    case 'declined':
      return { kind: 'value', list: listOf(answer.value) };
    case 'unavailable':
      return { kind: 'failed' };
    case 'unknown':
      return { kind: 'unknown' };
    default:
      return answer satisfies never;
  }
}
