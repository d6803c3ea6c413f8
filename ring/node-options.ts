import type { SiteName } from './api';
import type { DeliveryOptions } from './delivery/delivery';

export interface RingNodeOptions extends DeliveryOptions {
  readonly site: SiteName;
  readonly advertise: string | null;
  readonly anchor: boolean;
  /** R, used by the founder only: it is a property of the ring. */
  readonly replicas: number;
  /** null: by the number of sites, see `safekeepOf`. */
  readonly safekeep: number | null;
  /** Creates a ring when nothing is on the disk. */
  readonly founder: boolean;
  /** Random at every start: 128 bits in hex. Names a new incarnation, a new ring, and this run's requests. */
  readonly entropy: string;
}
