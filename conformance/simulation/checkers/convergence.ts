import type { VersionVector } from '../../../replicator/change-set';
import type { Conflict } from '../../../replicator/merge/operation';
import { printed, printedConflicts, type Rows } from '../../../replicator/merge/testing/model-site';
import { formatVector } from '../../../replicator/version-vector';

export interface SiteState {
  readonly name: string;
  readonly rows: Rows;
  readonly conflicts: ReadonlyMap<string, Conflict>;
  /** Everything applied, the own stream as committed. */
  readonly applied: VersionVector;
}

/** G2 and G6 at rest: why the sites do not hold the same; null: they do. */
export function convergenceProblem(sites: readonly SiteState[]): string | null {
  return (
    difference(sites, 'change sets', ({ applied }) => formatVector(applied)) ??
    difference(sites, 'rows', ({ rows }) => printed(rows).join('; ')) ??
    difference(sites, 'conflicts', ({ conflicts }) => printedConflicts(conflicts).join('; '))
  );
}

function difference(sites: readonly SiteState[], what: string, show: (site: SiteState) => string): string | null {
  const shown = sites.map((site) => ({ name: site.name, text: show(site) }));
  if (new Set(shown.map(({ text }) => text)).size < 2) return null;
  return `${what} differ:\n${shown.map(({ name, text }) => `  ${name}: ${text}`).join('\n')}`;
}
