import type { Alarm } from '../../replicator/ports';

/** From this share of `retention.maxBytes` on an operator should act: a full disk stops capture. */
const alarmShare = 0.8;

/**
 * What to say of a spool of this size; null while it is well below its limit. Nothing is thrown away when the limit is
 * passed: change sets are not retired yet, and losing one is worse than a large folder.
 */
export function retentionAlarm(spoolBytes: number, maxBytes: number): Alarm | null {
  if (spoolBytes < maxBytes * alarmShare) return null;
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  const share = spoolBytes < maxBytes ? 'nears' : 'has passed';
  // No exact size in the text: the same alarm is raised once.
  return {
    code: 'DUARA_SPOOL_LARGE',
    message: `the spool ${share} retention.maxBytes (${megabytes(maxBytes)}); raise it if the disk has room, or move \`data\` to a larger one`,
  };
}
