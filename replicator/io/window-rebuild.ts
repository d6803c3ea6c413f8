import type { StreamId } from '../../ring/api';
import type { Incarnation, VersionVector } from '../change-set';
import { decodeChangeSet } from '../codec/decode';
import { type MergeRules, RetentionWindow } from '../merge/retention-window';
import { seqOf } from '../version-vector';
import type { SpoolFiles } from './spool-files';

/**
 * The window as it stood: the own stream whole, since the log said so, and of the others what `duara.applied` says. What
 * lies beyond waits in the causal gate. (Retired change sets would be left out here; none are retired yet.)
 */
export async function rebuildWindow(
  spool: SpoolFiles,
  self: Incarnation,
  applied: VersionVector,
  rules: MergeRules,
): Promise<RetentionWindow> {
  const window = new RetentionWindow(rules);
  for (const [stream, held] of spool.held()) {
    const origin = Number(stream) as Incarnation;
    const last = origin === self ? held : seqOf(applied, origin);
    for await (const { seq, bytes } of spool.records(origin as number as StreamId, 1n)) {
      if (seq > last) break;
      window.addLocal(decodeChangeSet(bytes), bytes);
    }
  }
  return window;
}
