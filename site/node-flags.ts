/**
 * New objects live in two halves of so many megabytes. Node's own bound of 16 is soon reached by what start-up leaves, and by
 * what many logins leave, and given back late: with two threads, up to 64 MB for nothing. A relay's objects die young, so
 * that a smaller half is emptied as cheaply.
 */
const semiSpaceMb = 4;

/** What Node is started with to run a site; the command `duara` (duara.sh) passes the same. */
export const nodeFlags: readonly string[] = [
  `--max-semi-space-size=${semiSpaceMb}`,
  // Halves so small are emptied sooner than other threads wake up to help, for whom both of ours would have to wait: where
  // the database has the processors, half of what a keyed insert cost beside them.
  '--no-parallel-scavenge',
];

/** The same for a thread: two halves, and as much again for large objects. */
export const threadLimits = { maxYoungGenerationSizeMb: 3 * semiSpaceMb };
