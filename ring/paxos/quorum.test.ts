import type { SiteName } from '../api';
import type { PoolSpan } from '../members/pool';
import { accept, EMPTY_REGISTER, prepare, type Accepted } from './acceptor';
import type { Ballot } from './ballot';
import { survey, type Answer } from './quorum';

const ballot = (epoch: number, counter: number, scope = 1): Ballot => ({ epoch, counter, scope });
const acceptor = (scope: number) => ({ site: `s${scope}` as SiteName, scope });
const holds = (at: Ballot, text = 'v'): Accepted => ({ ballot: at, value: { text, changes: 1, recent: [at] } });
const answers = (said: Record<number, Accepted | null>): Map<number, Answer> =>
  new Map(Object.entries(said).map(([scope, accepted]) => [Number(scope), { promised: null, accepted }]));

const three: PoolSpan[] = [{ since: 3, pool: [1, 2, 3].map(acceptor) }];
const grown: PoolSpan[] = [...three, { since: 1, pool: [acceptor(1)] }];
const replaced: PoolSpan[] = [{ since: 5, pool: [4, 5, 6].map(acceptor) }, ...three];

describe('the acceptor', () => {
  test('promises only rising ballots, and not the same one twice', () => {
    const promised = prepare(EMPTY_REGISTER, ballot(1, 2)) ?? EMPTY_REGISTER;
    expect(prepare(promised, ballot(1, 2))).toBeUndefined();
    expect(prepare(promised, ballot(1, 1, 9))).toBeUndefined();
    expect(prepare(promised, ballot(2, 1))?.promised).toEqual(ballot(2, 1));
  });

  test('accepts what it promised and nothing lower', () => {
    const promised = prepare(EMPTY_REGISTER, ballot(1, 2)) ?? EMPTY_REGISTER;
    expect(accept(promised, holds(ballot(1, 1)))).toBeUndefined();
    expect(accept(promised, holds(ballot(1, 2)))?.accepted).toEqual(holds(ballot(1, 2)));
  });
});

describe('the walk through the pools', () => {
  test('a majority that never heard of the register ends it at the first epoch', () => {
    const [now = { since: 0, pool: [] }] = three;
    expect(survey([{ ...now, since: 1 }], answers({ 1: null, 2: null }))).toMatchObject({
      kind: 'complete',
      current: null,
      chosen: true,
    });
  });

  test('a new pool that knows nothing must ask the old one', () => {
    expect(survey(grown, answers({ 2: null, 3: null }))).toMatchObject({ kind: 'incomplete', ask: [{ scope: 1 }] });
    expect(survey(grown, answers({ 1: holds(ballot(2, 1)), 2: null }))).toMatchObject({
      kind: 'complete',
      chosen: true,
    });
  });

  test('a value of the present epoch ends the walk, chosen or not', () => {
    const at = holds(ballot(5, 1));
    expect(survey(replaced, answers({ 4: at, 5: null }))).toMatchObject({ kind: 'complete', chosen: false });
    expect(survey(replaced, answers({ 4: at, 5: at }))).toMatchObject({ kind: 'complete', chosen: true });
  });

  test('a value of an old epoch that one acceptor carried over does not', () => {
    const old = holds(ballot(4, 1));
    expect(survey(replaced, answers({ 4: old, 5: null }))).toMatchObject({ kind: 'incomplete' });
    expect(survey(replaced, answers({ 4: null, 5: null, 1: old, 2: old }))).toMatchObject({ chosen: true });
    expect(survey(replaced, answers({ 4: null, 5: null, 1: old, 2: null }))).toMatchObject({ chosen: false });
  });
});
