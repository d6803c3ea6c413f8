import type { Member, SiteName, StreamId, WhiteboardOutcome } from './api';
import type { Message } from './message';
import type { RegisterState } from './paxos/acceptor';

/** What a site must find on its disk again after a crash. The last of each kind (and register) counts. */
export type DurableRecord =
  | { readonly kind: 'identity'; readonly site: SiteName; readonly instance: string }
  | { readonly kind: 'membership'; readonly record: string }
  | { readonly kind: 'register'; readonly name: string; readonly state: RegisterState };

/** What was found on the disk at the start. */
export interface DurableState {
  readonly identity: { readonly site: SiteName; readonly instance: string } | null;
  readonly membership: string | null;
  readonly registers: ReadonlyMap<string, RegisterState>;
}

export const NOTHING_DURABLE: DurableState = { identity: null, membership: null, registers: new Map() };

/** A change of a register: undefined declines. Pure and total; it may be called several times. */
export type Change = (current: string | null) => string | undefined;

/** What happens to a node. */
export type RingEvent =
  | { readonly kind: 'tick' }
  | { readonly kind: 'linkUp'; readonly peer: SiteName }
  | { readonly kind: 'linkDown'; readonly peer: SiteName }
  | { readonly kind: 'message'; readonly from: SiteName; readonly message: Message }
  /** The store holds the site's own stream up to `seq`. */
  | { readonly kind: 'grown'; readonly stream: StreamId; readonly seq: bigint }
  | { readonly kind: 'applied'; readonly stream: StreamId; readonly seq: bigint }
  /** `ticket` names the answer (effect `outcome`). `change` null: a read. */
  | { readonly kind: 'whiteboard'; readonly ticket: number; readonly register: string; readonly change: Change | null }
  /** Answers readStore; no records: there are none, or they could not be read. */
  | {
      readonly kind: 'storeRead';
      readonly peer: SiteName;
      readonly stream: StreamId;
      readonly fromSeq: bigint;
      readonly records: readonly Uint8Array[];
    }
  /** Answers appendStore. */
  | {
      readonly kind: 'storeAppended';
      readonly peer: SiteName;
      readonly stream: StreamId;
      readonly upTo: bigint;
      readonly ok: boolean;
    }
  /** A durable record could not be written: this site promises nothing until it hears otherwise. */
  | { readonly kind: 'diskFailed' }
  /** All that could not be written is on the disk now. */
  | { readonly kind: 'diskHealed' };

/**
 * What the outside must do, in this order. The effects after a `persist` wait until its records are on the disk, and are
 * dropped when that fails. `readStore` and `appendStore` need not be waited for: their answers are events, and those of
 * one stream come in order.
 */
export type RingEffect =
  | { readonly kind: 'persist'; readonly records: readonly DurableRecord[] }
  | { readonly kind: 'send'; readonly to: SiteName; readonly message: Message }
  /** The peer has been silent for too long: close the link (and report linkDown). */
  | { readonly kind: 'dropLink'; readonly peer: SiteName }
  | {
      readonly kind: 'readStore';
      readonly peer: SiteName;
      readonly stream: StreamId;
      readonly fromSeq: bigint;
      readonly maxBytes: number;
    }
  | {
      readonly kind: 'appendStore';
      readonly peer: SiteName;
      readonly stream: StreamId;
      readonly fromSeq: bigint;
      readonly records: readonly Uint8Array[];
    }
  | { readonly kind: 'outcome'; readonly ticket: number; readonly outcome: WhiteboardOutcome }
  | { readonly kind: 'joined'; readonly member: Member }
  /** This site cannot become a member until an operator acts. */
  | { readonly kind: 'rejected'; readonly code: string }
  /** A peer holds more of this site's own stream than this site, which has forgotten what it had said: told once. */
  | { readonly kind: 'surpassed'; readonly peer: SiteName; readonly theirs: bigint; readonly ours: bigint }
  /** For the log. */
  | { readonly kind: 'report'; readonly code: string; readonly detail: Readonly<Record<string, unknown>> };
