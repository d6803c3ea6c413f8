import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readState, replaceFile } from './small-file';

/** What this data folder remembers of its life between starts. */

/** The scope under which keys were issued from this folder; null: none yet. Throws StateFileError. */
export function rememberedScope(data: string): number | null {
  return readState(join(data, 'incarnation.json'), (value) => {
    const { scope } = value as { scope?: unknown };
    return Number.isInteger(scope) ? (scope as number) : null;
  });
}

export function rememberScope(data: string, scope: number): void {
  replaceFile(join(data, 'incarnation.json'), `${JSON.stringify({ scope })}\n`);
}

/**
 * Where a new site's capture begins: where its binary log stood when Duara first saw it, not when the ring let it in,
 * since clients may write in between. Throws StateFileError.
 */
export function firstPosition(data: string): string | null {
  return readState(join(data, 'first-position.json'), (value) => {
    const { gtid } = value as { gtid?: unknown };
    return typeof gtid === 'string' ? gtid : null;
  });
}

export function rememberFirstPosition(data: string, gtid: string): void {
  replaceFile(join(data, 'first-position.json'), `${JSON.stringify({ gtid })}\n`);
}

/** Capture keeps its own position from here on; a later incarnation must not begin at this one's beginning. */
export function forgetFirstPosition(data: string): void {
  rmSync(join(data, 'first-position.json'), { force: true });
}
