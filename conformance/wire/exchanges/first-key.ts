/** Where the counters of keyed tables stand when an exchange begins. */
export const FIRST_KEY = 1_000_000_000_000n;
