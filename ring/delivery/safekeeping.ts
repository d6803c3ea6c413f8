/** At how many other sites a change set must lie on disk, unless the configuration says (SEMANTICS.md, G2). */
export function safekeepOf(configured: number | null, otherSites: number): number {
  return configured ?? (otherSites <= 2 ? 1 : 2);
}

/** The highest seq that at least `safekeep` others hold; never above what is held here. Safekeep 0: what is held here. */
export function safekeptSeq(marksOfOthers: readonly bigint[], safekeep: number, heldHere: bigint): bigint {
  if (safekeep <= 0) return heldHere;
  const falling = [...marksOfOthers].sort((a, b) => (a > b ? -1 : a < b ? 1 : 0));
  const mark = falling[safekeep - 1] ?? 0n;
  return mark < heldHere ? mark : heldHere;
}
