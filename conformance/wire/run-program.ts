import { spawn } from 'node:child_process';

export interface ProgramRun {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end; unlike spawnSync it lets a proxy in this process go on meanwhile. */
export async function run(program: string, args: readonly string[], input = ''): Promise<ProgramRun> {
  const child = spawn(program, args);
  // A program that fails at once closes its input.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { status, out, err };
}
