import { Capability, ServerStatus } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import { encodeError } from '../wire/response';
import type { ToldDoubt } from '../keys/told-doubt';
import type { CommandOutcome } from './command-outcome';
import { serverReply } from './pending-reply';
import { emptySummary, type ReplySummary } from './reply-summary';
import { sampleServices, sampleTable } from './services-sample';
import { newSessionState } from './session-state';
import { ToldKeys } from './told-keys';
import { parseServerVersion } from '../sql/sql-mode';

const table = sampleTable();
const run: ToldDoubt = { kind: 'run', table, first: 10n, generatedEnd: 11n, end: 13n };
const byTrigger: ToldDoubt = { kind: 'trigger', table };
/** Two rows. */
const ok = frame(Buffer.from([0, 2, 0, 2, 0, 0, 0]), 1);
const inserted: ReplySummary = { ...emptySummary(), status: 2, affectedRows: [2n] };
const kill = { errorCode: 1317, sqlState: '70100', message: Buffer.from('Query execution was interrupted') };
const killed = frame(encodeError(kill), 1);
const wasKilled: ReplySummary = { ...emptySummary(), errorCode: 1317 };

/** A text of which an INSERT in doubt, and what follows it, are sent; its first reply that has this place is of a kill. */
async function answers(doubt: ToldDoubt, killedReply: number, goesOn: boolean) {
  const services = sampleServices({
    smallestKey: (_table, _among, found) => {
      found(12n);
      return Promise.resolve();
    },
  });
  const told = new ToldKeys({ ...newSessionState(), capabilities: Capability.multiResults }, services);
  const ended: (ReplySummary | null)[] = [];
  const sent: string[] = [];
  const text = (name: string): Buffer => frame(Buffer.from(`\x03${name}`));
  const rest = goesOn ? [{ bytes: text('the rest'), packets: 1, doubt: null, results: 0 }] : [];
  const reply = serverReply('result', (summary) => ended.push(summary));
  let outcome: CommandOutcome = told.hold({ kind: 'send', bytes: [text('INSERT')], replies: [reply], rest }, doubt);
  for (let at = 0; outcome.kind === 'ask' || outcome.kind === 'wait'; outcome = told.next()) {
    if (outcome.kind === 'wait') {
      await outcome.ready;
      continue;
    }
    sent.push(...outcome.bytes.map((bytes) => bytes.toString('latin1', 5)));
    for (const one of outcome.replies) {
      if (one.from !== 'server') throw new Error('only the server is asked');
      const isKilled = at++ === killedReply;
      one.collected?.push(isKilled ? killed : ok);
      one.ended(isKilled ? wasKilled : inserted);
    }
  }
  return { outcome, sent, ended, busy: told.busy };
}

describe.each([
  ['that tells the session its key', run, 1],
  ['before the INSERT', byTrigger, 0],
  ['for what the trigger gave', byTrigger, 2],
])('a kill that ends a question of ours %s', (_what, doubt, at) => {
  it('ends the text', async () => {
    const { outcome, sent, ended, busy } = await answers(doubt, at, true);
    if (outcome.kind !== 'answer') throw new Error('the text goes on');
    const [first, error] = [outcome.bytes.subarray(0, ok.length), outcome.bytes.subarray(ok.length)];
    expect(first.readUInt16LE(first.length - 4)).toBe(2 | ServerStatus.moreResultsExist);
    expect(error).toEqual(frame(encodeError(kill), 2));
    expect(ended).toEqual([{ ...wasKilled, affectedRows: [2n] }]);
    expect([sent.includes('the rest'), busy]).toEqual([false, false]);
  });

  it('is too late behind the last statement', async () => {
    const { outcome, ended } = await answers(doubt, at, false);
    if (outcome.kind !== 'answer') throw new Error('the text goes on');
    expect(outcome.bytes.subarray(0, 6)).toEqual(ok.subarray(0, 6));
    expect(ended).toEqual([inserted]);
  });
});

test('an INSERT that failed for want of its key is answered by why it did not come', () => {
  const told = new ToldKeys(newSessionState(), sampleServices({}));
  const reply = serverReply('result', () => {});
  const sent = told.hold({ kind: 'send', bytes: [frame(Buffer.from('\x17'))], replies: [reply] }, run);
  reply.shown = killed;
  const [held] = sent.kind === 'ask' ? sent.replies : [];
  if (held?.from !== 'server') throw new Error('it is not held back');
  held.collected?.push(frame(encodeError({ ...kill, errorCode: 1690 }), 1));
  held.ended({ ...wasKilled, errorCode: 1690 });
  expect(told.next()).toMatchObject({ kind: 'answer', bytes: killed });
});

test('the text goes on where nothing was killed', async () => {
  const { outcome, sent } = await answers(run, -1, true);
  expect(outcome).toMatchObject({ kind: 'send', bytes: [frame(Buffer.from('\x03the rest'))] });
  expect(sent[1]).toContain('LAST_INSERT_ID(12)');
});

/** Of a key that nobody but the client's own session may see, or nobody at all. */
async function looked(status: number, seesHere: boolean): Promise<string[]> {
  const looks: string[] = [];
  const services = sampleServices({
    smallestKey: (_table, _among, found, patient) => {
      looks.push(patient ? 'patient site' : 'site');
      found('unseen');
      return Promise.resolve();
    },
  });
  const state = newSessionState();
  state.mode = { ...state.mode, server: parseServerVersion('10.11.6-MariaDB') };
  const told = new ToldKeys({ ...state, capabilities: Capability.multiResults }, services);
  const insert = frame(Buffer.from('\x03INSERT'));
  let outcome: CommandOutcome = told.hold(
    { kind: 'send', bytes: [insert], replies: [serverReply('result', () => {})] },
    run,
  );
  for (; outcome.kind === 'ask' || outcome.kind === 'wait'; outcome = told.next()) {
    if (outcome.kind === 'wait') {
      await outcome.ready;
      continue;
    }
    const [sql] = outcome.bytes.map((bytes) => bytes.toString('latin1', 5));
    const asks = sql?.includes('MIN(') === true;
    if (asks) looks.push('session');
    for (const one of outcome.replies) {
      if (one.from !== 'server') throw new Error('only the server is asked');
      const row = frame(Buffer.from(seesHere ? '\x0212\x010' : '\xfb\x011', 'latin1'), 4);
      one.collected?.push(asks ? Buffer.concat([row, ok, ok]) : ok);
      one.ended({ ...inserted, status });
    }
    if (sql?.includes('LAST_INSERT_ID(12)') === true) looks.push('told');
  }
  return looks;
}

const ways: [status: number, seesHere: boolean, looks: string[], why: string][] = [
  [2, true, ['site', 'session', 'told'], 'most of all it is its own lock'],
  [2, false, ['site', 'session', 'patient site'], 'that of another, and no right to read'],
  [3, true, ['site', 'patient site', 'session', 'told'], 'a question would open the snapshot of its transaction'],
  [3, false, ['site', 'patient site', 'session'], 'it is not told, then'],
];
test.each(ways)(
  'where the table is locked (status %s, seen by the session: %s): %j',
  async (status, seesHere, looks) => {
    expect(await looked(status, seesHere)).toEqual(looks);
  },
);
