import type { ChangeSet, Incarnation } from '../change-set';

/** `record`: its encoded form, which may be written over once the listener (or its promise) is done. */
export type LocalListener = (changeSet: ChangeSet, record: Uint8Array) => void | Promise<void>;
export type SpooledListener = (seq: bigint) => void;
export type AppliedSeenListener = (incarnation: Incarnation, seq: bigint) => void;
export type SchemaChangeListener = (schema: string, sql: string) => void;
export type StoppedListener = (error: Error) => void;

/** Who wants to hear what capture finds. Each `on…` returns the way to stop listening. */
export class CaptureListeners {
  readonly local = new Set<LocalListener>();
  readonly spooled = new Set<SpooledListener>();
  readonly appliedSeen = new Set<AppliedSeenListener>();
  readonly schemaChange = new Set<SchemaChangeListener>();
  readonly stopped = new Set<StoppedListener>();
}

export function subscribe<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
