import { readdirSync, readFileSync } from 'node:fs';

/** Of a process's threads, the first one first; proc(5), field 19 of stat. */
export function threadNices(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`)
    .map(Number)
    .sort((a, b) => a - b)
    .map((thread) => {
      const text = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
      return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[16]);
    });
}
