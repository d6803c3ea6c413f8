import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere, replaceFile } from './small-file';

/** What this data folder remembers of its life between starts. */

/** The scope under which keys were issued from this folder; null: none yet. */
export function rememberedScope(data: string): number | null {
  const text = readIfThere(join(data, 'incarnation.json'));
  return text === null ? null : (JSON.parse(text) as { scope: number }).scope;
}

export function rememberScope(data: string, scope: number): void {
  replaceFile(join(data, 'incarnation.json'), `${JSON.stringify({ scope })}\n`);
}

/**
 * Where a new site's capture begins: where its binary log stood when Duara first saw it, not when the ring let it in,
 * since clients may write in between.
 */
export function firstPosition(data: string): string | null {
  const text = readIfThere(join(data, 'first-position.json'));
  return text === null ? null : (JSON.parse(text) as { gtid: string }).gtid;
}

export function rememberFirstPosition(data: string, gtid: string): void {
  replaceFile(join(data, 'first-position.json'), `${JSON.stringify({ gtid })}\n`);
}

/** Capture keeps its own position from here on; a later incarnation must not begin at this one's beginning. */
export function forgetFirstPosition(data: string): void {
  rmSync(join(data, 'first-position.json'), { force: true });
}
