import type { Alarm, Logger } from '../../replicator/ports';
import type { Ring, SiteName, StreamStore } from '../../ring/api';
import type { RingOptions } from '../../ring/io/ring-options';
import { startRing } from '../../ring/io/runner';
import { parseAddress } from '../config/values';
import { batchCodecs } from './batch-codec';
import type { WorkerStart } from './messages';

/** Kilobytes a second that no link reaches: no limit. */
const unlimitedKBps = 10_000_000;

/** Starts the ring as the configuration says. */
export function openRing(
  { config, ringSecret }: WorkerStart,
  store: StreamStore,
  log: Logger,
  onAlarm: (alarm: Alarm) => void,
  onSurpassed: NonNullable<RingOptions['onSurpassed']>,
): Promise<Ring> {
  const { ring } = config;
  return startRing({
    site: config.site as SiteName,
    dataDir: config.data,
    secret: Buffer.from(ringSecret),
    // A site that nobody can dial still listens, on loopback, where no one asks.
    listen: ring.listen === null ? { host: '127.0.0.1', port: 0 } : parseAddress(ring.listen),
    advertise: ring.advertise,
    peers: ring.peers,
    replicas: ring.replicas,
    safekeep: ring.safekeep,
    fanout: ring.fanout,
    anchor: ring.anchor,
    maxKBps: ring.link.maxKBps ?? unlimitedKBps,
    store,
    log,
    onAlarm,
    onSurpassed,
    founder: ring.founder,
    codecs: batchCodecs(),
  });
}
