import type { SiteName, WhiteboardOutcome } from '../../ring/api';
import type { DurableState } from '../../ring/effects';
import * as pools from '../../ring/members/pool';
import { Registers } from '../../ring/paxos/registers';
import { Proposer } from '../../ring/whiteboard/proposer';
import { findViolations, tokensOf, type Operation } from './register-history';
import { NO_FAULTS, VirtualRing, type Faults } from './virtual-ring';

const SITES = ['ada', 'ben', 'eve', 'kim', 'leo'];
const REGISTERS = ['keys/a', 'keys/b'];
const CHAOS_MS = 25_000;
const SEEDS = 20;
const startOfProposer = Proposer.prototype.start;

const HARSH: Faults = { ...NO_FAULTS, loss: 0.05, repeat: 0.05, delayMsMax: 120, crash: 0.0015 };

interface Trial {
  readonly violations: string[];
  readonly done: number;
  readonly members: number;
}

/** Sites join, cut, crash and restart while all of them read and write; then everything heals and the history is checked. */
function tryOut(seed: number, faults: Faults = HARSH): Trial {
  const ring = new VirtualRing(seed);
  const violations: string[] = [];
  const history: Operation[] = [];
  const names = SITES.map((name, i) => {
    const site = name as SiteName;
    if (i === 0) ring.add(name, true);
    else ring.at(ring.nowMs + ring.dice.below(CHAOS_MS * 0.8), () => ring.add(name, false));
    return site;
  });
  ring.faults = faults;
  for (let i = 0; i < 120; i += 1)
    ring.at(ring.nowMs + ring.dice.below(CHAOS_MS), () => operate(ring, history, i, names));
  for (let i = 0; i < 8; i += 1) {
    const startMs = ring.nowMs + ring.dice.below(CHAOS_MS);
    const [a, b] = [names[ring.dice.below(5)] as SiteName, names[ring.dice.below(5)] as SiteName];
    if (a !== b) ring.at(startMs, () => ring.cut(a, b));
    ring.at(startMs + ring.dice.below(4_000), () => ring.heal());
  }
  const epochs = new Map<number, string>();
  for (let slice = 0; slice < 30; slice += 1) {
    ring.run(CHAOS_MS / 30);
    checkEpochs(ring, epochs, violations);
  }
  ring.faults = NO_FAULTS;
  ring.heal();
  for (const site of names) if (ring.sites.has(site)) ring.start(site);
  ring.run(70_000);
  checkEpochs(ring, epochs, violations);
  for (const register of REGISTERS) checkRegister(ring, register, history, names, violations);
  const done = history.filter(({ outcome }) => outcome?.kind === 'committed').length;
  const members = ring.sites.get(names[0] as SiteName)?.node?.status().membership?.members.length ?? 0;
  return { violations, done, members };
}

function operate(ring: VirtualRing, history: Operation[], number: number, names: SiteName[]): void {
  const site = names[ring.dice.below(names.length)] as SiteName;
  if (!ring.sites.has(site) || !ring.isUp(site)) return;
  const token = ring.dice.chance(0.35) ? null : `t${number}`;
  const register = REGISTERS[ring.dice.below(REGISTERS.length)] as string;
  const operation: Operation = { register, token, startMs: ring.nowMs, endMs: Infinity, outcome: null };
  history.push(operation);
  const change = token === null ? null : (it: string | null) => JSON.stringify([...tokensOf(it), token]);
  ring.ask(site, register, change, (outcome) => {
    operation.outcome = outcome;
    // Of an unknown one it is not said when it happens.
    if (outcome.kind !== 'unknown') operation.endMs = ring.nowMs;
  });
}

function checkRegister(
  ring: VirtualRing,
  register: string,
  history: readonly Operation[],
  names: SiteName[],
  violations: string[],
): void {
  const ofRegister = history.filter((operation) => operation.register === register);
  let final: string | null = null;
  for (const site of names) {
    // An update nobody heard of again may be finished by one of these reads: they are part of the history.
    const operation: Operation = { register, token: null, startMs: ring.nowMs, endMs: Infinity, outcome: null };
    ring.ask(site, register, null, (outcome) => {
      operation.outcome = outcome;
      operation.endMs = ring.nowMs;
      if (outcome.kind === 'committed') final = outcome.value;
    });
    ring.run(5_000);
    if (operation.outcome?.kind !== 'committed') violations.push(`${site} cannot read ${register} when all is well`);
    ofRegister.push(operation);
  }
  violations.push(...findViolations(ofRegister, tokensOf(final)));
}

/** All sites that know an epoch know the same one, and no scope was granted twice. */
function checkEpochs(ring: VirtualRing, epochs: Map<number, string>, violations: string[]): void {
  for (const { node } of ring.sites.values()) {
    const membership = node?.status().membership;
    if (membership === null || membership === undefined) continue;
    const text = membership.members.map(({ site, scope }) => `${site}=${scope}`).join(' ');
    const known = epochs.get(membership.epoch) ?? text;
    if (known !== text) violations.push(`epoch ${membership.epoch} is [${known}] and [${text}]`);
    epochs.set(membership.epoch, text);
    const scopes = new Set(membership.members.map(({ scope }) => scope));
    if (scopes.size !== membership.members.length) violations.push(`a scope was granted twice: ${text}`);
  }
}

function firstCaught(seeds: number, faults: Faults = HARSH): number | null {
  for (let seed = 1; seed <= seeds; seed += 1) if (tryOut(seed, faults).violations.length > 0) return seed;
  return null;
}

afterEach(() => jest.restoreAllMocks());

test('registers are linearizable while sites join, crash and lose each other', () => {
  let done = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const trial = tryOut(seed);
    expect({ seed, violations: trial.violations }).toEqual({ seed, violations: [] });
    expect({ seed, members: trial.members }).toEqual({ seed, members: SITES.length });
    done += trial.done;
  }
  // Otherwise the schedules would be too harsh to say anything.
  expect(done).toBeGreaterThan(SEEDS * 30);
});

/** The founder alone writes a register, two join, the founder goes for good: what do the two then read and write? */
function outliveFounder(): string[] {
  const ring = new VirtualRing(5);
  const founder = ring.add('ada', true);
  ring.run(1_000);
  ring.ask(
    founder,
    'early',
    () => 'written when alone',
    () => undefined,
  );
  ring.run(1_000);
  const others = ['ben', 'eve'].map((name) => ring.add(name, false));
  ring.run(40_000);
  ring.crash(founder);
  const seen: string[] = [];
  const note = (outcome: WhiteboardOutcome) =>
    seen.push(outcome.kind === 'committed' ? `${outcome.value}` : outcome.kind);
  for (const site of others) ring.ask(site, 'early', null, note);
  for (const site of others) ring.ask(site, `late/${site}`, () => 'never written before', note);
  ring.run(10_000);
  return seen.sort();
}

test('when the old pools are settled, the ring needs the founder no more, and has lost nothing', () => {
  const [late, early] = ['never written before', 'written when alone'];
  expect(outliveFounder()).toEqual([late, late, early, early]);
});

describe('the checker catches', () => {
  test('an acceptor that forgets what it promised', () => {
    const forget = (durable: DurableState): DurableState => ({ ...durable, registers: new Map() });
    expect(firstCaught(40, { ...HARSH, reload: forget })).not.toBeNull();
  });

  test('a new pool that does not ask the old one', () => {
    const original = pools.poolSpans;
    jest.spyOn(pools, 'poolSpans').mockImplementation((record, register, epoch) => {
      return original(record, register, epoch)
        .slice(0, 1)
        .map((span) => ({ ...span, since: 1 }));
    });
    expect(firstCaught(40)).not.toBeNull();
  });

  test('old pools that are dropped before they are settled', () => {
    jest.spyOn(Proposer.prototype, 'start').mockImplementation(function (
      this: Proposer,
      register,
      purpose,
      nowMs,
      done,
    ) {
      if (purpose.kind === 'settle') return done({ kind: 'committed', value: null });
      return startOfProposer.call(this, register, purpose, nowMs, done);
    });
    expect(outliveFounder()).not.toContain('written when alone');
  });

  test('a proposer that takes any answer for a majority', () => {
    jest.spyOn(pools, 'majorityOf').mockReturnValue(1);
    expect(firstCaught(40)).not.toBeNull();
  });

  test('an acceptor that accepts below its promise', () => {
    const original = Registers.prototype.answer;
    jest.spyOn(Registers.prototype, 'answer').mockImplementation(function (this: Registers, message, scope, epoch) {
      const verdict = original.call(this, message, scope, epoch);
      if (message.kind !== 'accept' || verdict.reply.kind !== 'refused') return verdict;
      const { request, round } = message;
      return { persist: null, reply: { kind: 'accepted', request, round, from: scope } };
    });
    expect(firstCaught(40)).not.toBeNull();
  });
});
