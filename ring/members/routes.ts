import type { SiteName } from '../api';

/**
 * The neighbour by which a site is reached over the fewest links, as far as the gossiped links tell; itself when it is a
 * neighbour, undefined when there is no way. (Chord's fingers would serve larger rings: here everyone knows all members.)
 */
export function nextHop(
  to: SiteName,
  neighbours: readonly SiteName[],
  linksOf: (site: SiteName) => readonly SiteName[],
): SiteName | undefined {
  const seen = new Set<SiteName>(neighbours);
  let frontier = [...neighbours].sort().map((site) => ({ site, by: site }));
  while (frontier.length > 0) {
    const found = frontier.find(({ site }) => site === to);
    if (found !== undefined) return found.by;
    frontier = frontier.flatMap(({ site, by }) =>
      linksOf(site)
        .filter((next) => !seen.has(next) && seen.add(next))
        .map((next) => ({ site: next, by })),
    );
  }
  return undefined;
}
