/** What is expected next of a reply. */
export type ReplyPhase =
  | { readonly kind: 'first' }
  | { readonly kind: 'definitions'; left: number; readonly then: 'rows' | 'columns' | 'end' }
  | { readonly kind: 'definitionsEof'; readonly then: 'rows' | 'columns' | 'end' }
  | { readonly kind: 'rows' }
  | { readonly kind: 'file' }
  | { readonly kind: 'ended' };

/** Those that say nothing else are the same for all replies. */
export const firstPhase: ReplyPhase = { kind: 'first' };
export const rowsPhase: ReplyPhase = { kind: 'rows' };
export const filePhase: ReplyPhase = { kind: 'file' };
export const endedPhase: ReplyPhase = { kind: 'ended' };
export const eofBeforeRows: ReplyPhase = { kind: 'definitionsEof', then: 'rows' };
