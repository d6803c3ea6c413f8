import { findServer } from '../../site/lab/find-server';
import { breakRule, formOf, type Mutant, MUTANTS } from './mutants';
import { sequenceOf, textOf } from './sequence-generator';
import { type Finding, runSessions, toldOf } from './session-run';
import { TwinSessions } from './twin-sessions';

const binary = findServer();
const seed = Number(process.env['SEED'] ?? 4);

/** A short slice of `npm run conformance:sessions`. */
(binary?.flavour === 'mariadb' ? describe : describe.skip)('random sessions, direct and proxied', () => {
  let twins: TwinSessions;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    twins = await TwinSessions.start(binary);
  });
  afterAll(async () => {
    await twins.stop();
    expect(twins.errors).toEqual([]);
  });

  it('hear the same bytes', async () => {
    const result = await runSessions(twins, { seed, sequences: 25, length: 60, findingsMax: 1 });
    expect(`seed ${seed}\n${result.findings.map(toldOf).join('\n')}`).toBe(`seed ${seed}\n`);
    expect(result.sequences).toBe(25);
    // Else nothing was shown of the cache and of used connections.
    expect(Math.min(result.hits, result.reused)).toBeGreaterThan(0);
  });

  const found = async (mutant: Mutant, unshrunk: boolean): Promise<Finding | undefined> => {
    const mend = breakRule(mutant);
    try {
      return (
        await runSessions(twins, {
          seed: 4,
          sequences: 100,
          length: 60,
          form: formOf(mutant),
          findingsMax: 1,
          unshrunk,
        })
      ).findings[0];
    } finally {
      mend();
    }
  };

  it.each(MUTANTS)('would hear: %s', async (mutant) => {
    expect(await found(mutant, true)).toBeDefined();
  });

  it('tell it with few commands', async () => {
    const finding = await found('a hit leaves warnings and counts of before', false);
    // A SELECT, the same again, and a question about it; more where the first one is not kept at once.
    expect(finding?.sequence.commands.length).toBeLessThan(30);
  });

  it('say the same for the same seed', () => {
    const said = (): unknown[] => sequenceOf(seed, 60).commands.map((command) => [command.who, textOf(command)]);
    expect(said()).toEqual(said());
  });
});
