import type { SiteName } from '../api';
import { firstDistinct, symmetricPoints, walkFrom, type Placed } from '../chord/ring-order';
import { ringIdOf } from '../ring-id';

export interface ArcsView {
  readonly self: SiteName;
  /** Whose stream it is. */
  readonly origin: SiteName;
  /** Sites that can be reached now, by this site's own lights; `self` and `origin` may be among them or not. */
  readonly live: readonly SiteName[];
  /** R: how many points. */
  readonly replicas: number;
  /** How many of the points the origin feeds itself. */
  readonly fanout: number;
}

interface Station extends Placed {
  readonly site: SiteName;
}

/**
 * To whom this site passes a stream on (RING.md, Delivery on arcs). The origin feeds the first live site at `fanout` of
 * R points at equal distances; the first of them feeds the others; each relay passes on to its live successor up to the
 * next point. Sites whose views differ send twice or not at all for a while: repeats are dropped, gaps are fetched.
 */
export function downstream(view: ArcsView): SiteName[] {
  const sites = new Set([...view.live, view.self]);
  sites.delete(view.origin);
  const originId = ringIdOf(view.origin);
  const placed: Station[] = [...sites].map((site) => ({ site, ringId: ringIdOf(site) }));
  const stations = walkFrom(originId, placed);
  const heads = new Set(firstDistinct(symmetricPoints(originId, view.replicas), stations));
  const headsInOrder = stations.filter((station) => heads.has(station)).map(({ site }) => site);
  if (view.self === view.origin) {
    // The origin is not among the stations, but `self` was put among the sites: it is the same and went with it.
    return headsInOrder.slice(0, view.fanout);
  }
  const place = stations.findIndex((station) => station.site === view.self);
  const next = stations[place + 1];
  const fed = place === 0 ? headsInOrder.slice(Math.max(1, view.fanout)) : [];
  return next !== undefined && !heads.has(next) ? [...fed, next.site] : fed;
}
