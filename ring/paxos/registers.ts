import type { DurableRecord } from '../effects';
import type { AcceptMessage, PrepareMessage, QueryMessage, RoutedMessage } from '../message';
import { accept, EMPTY_REGISTER, prepare, type RegisterState } from './acceptor';

/** An acceptor's answer; `persist` must be on the disk before `reply` leaves. */
export interface Verdict {
  readonly persist: DurableRecord | null;
  readonly reply: RoutedMessage;
}

/** All registers this site is, or was, an acceptor of. */
export class Registers {
  private readonly states: Map<string, RegisterState>;

  constructor(states: ReadonlyMap<string, RegisterState>) {
    this.states = new Map(states);
  }

  names(): Iterable<string> {
    return this.states.keys();
  }

  state(name: string): RegisterState {
    return this.states.get(name) ?? EMPTY_REGISTER;
  }

  /** `epoch`: the newest known here. Proposers of an older one are told, not served. */
  answer(message: QueryMessage | PrepareMessage | AcceptMessage, scope: number, epoch: number): Verdict {
    const proposed = message.kind === 'query' ? message.epoch : message.ballot.epoch;
    if (proposed < epoch) return this.refuse(message, scope, epoch);
    switch (message.kind) {
      case 'query':
        return { persist: null, reply: this.tell(message, scope) };
      case 'prepare': {
        const next = prepare(this.state(message.register), message.ballot);
        if (next === undefined) return this.refuse(message, scope, epoch);
        return { persist: this.keep(message.register, next), reply: this.tell(message, scope) };
      }
      case 'accept': {
        const next = accept(this.state(message.register), message);
        if (next === undefined) return this.refuse(message, scope, epoch);
        const { request, round } = message;
        return { persist: this.keep(message.register, next), reply: { kind: 'accepted', request, round, from: scope } };
      }
    }
  }

  /** The first value of a register whose pool is this site alone, and nobody else has heard of yet. */
  found(name: string, text: string, epoch: number): DurableRecord {
    const ballot = { epoch, counter: 0, scope: 1 };
    const value = { text, changes: 1, recent: [ballot] };
    return this.keep(name, { promised: ballot, accepted: { ballot, value } });
  }

  private keep(name: string, state: RegisterState): DurableRecord {
    this.states.set(name, state);
    return { kind: 'register', name, state };
  }

  private tell({ request, round, register }: QueryMessage | PrepareMessage, scope: number): RoutedMessage {
    return { kind: 'answer', request, round, from: scope, ...this.state(register) };
  }

  private refuse(
    { request, round, register }: QueryMessage | AcceptMessage | PrepareMessage,
    from: number,
    epoch: number,
  ) {
    const { promised } = this.state(register);
    return { persist: null, reply: { kind: 'refused', request, round, from, promised, epoch } } as const;
  }
}
