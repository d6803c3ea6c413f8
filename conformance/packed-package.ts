import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(__dirname, '../..');

/** What `npm pack` makes of the checkout, unpacked elsewhere, beside the checkout's installed dependencies. */
export interface PackedPackage {
  readonly dir: string;
  /** The command that `bin` of package.json names. */
  readonly duara: string;
  /** Paths of all packed files. */
  readonly files: readonly string[];
  remove(): void;
}

export function packAndUnpack(): PackedPackage {
  const parent = mkdtempSync(join(tmpdir(), 'duara-packed-'));
  // Without scripts: what was built is tested, not built again.
  const args = ['pack', '--ignore-scripts', '--json', '--offline', '--pack-destination', parent];
  const report = execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const [packed] = JSON.parse(report) as { filename: string; files: { path: string }[] }[];
  if (packed === undefined) throw new Error(`npm pack reported nothing: ${report}`);
  execFileSync('tar', ['-xzf', join(parent, packed.filename), '-C', parent]);
  const dir = join(parent, 'package');
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
  const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as { bin: { duara: string } };
  return {
    dir,
    duara: join(dir, manifest.bin.duara),
    files: packed.files.map(({ path }) => path),
    remove: () => rmSync(parent, { recursive: true, force: true }),
  };
}
