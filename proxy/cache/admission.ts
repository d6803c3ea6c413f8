/** Misses remembered in one generation. */
const GENERATION_MISSES = 32_768;

/**
 * Which keys were asked for lately: two generations of hashes, so that the memory is bounded and old ones fade. A full
 * cache admits only what was missed twice; a scan, whose statements come once, then pushes nothing out.
 */
export class Admission {
  private young = new Set<number>();
  private old = new Set<number>();

  /** Notes a miss; true when the key was missed before, not long ago. */
  missed(key: string): boolean {
    const hash = hashOf(key);
    const before = this.young.has(hash) || this.old.has(hash);
    this.young.add(hash);
    if (this.young.size >= GENERATION_MISSES) {
      this.old = this.young;
      this.young = new Set();
    }
    return before;
  }
}

/** FNV-1a. Two keys of one hash only let each other in earlier. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
