import type {
  DistantKeySource,
  KeyDemand,
  KeyReservations,
  KeyWant,
  LargestSearch,
  TableInfo,
} from '../../proxy/ports';
import type { KeyAnswer, ToKeyDesk } from './key-desk';

/** What one session asked for. */
interface Asked {
  readonly id: number;
  readonly wants: readonly KeyWant[];
  readonly ready: Promise<void>;
  answer: KeyAnswer | null;
}

/** Keys in a thread that does not give them: the desk on the main thread does, for all that one command wants at once. */
export class DistantKeys implements DistantKeySource {
  private nextId = 1;
  /** By session. */
  private readonly asked = new Map<object, Asked>();
  private readonly waiting = new Map<number, (answer: KeyAnswer) => void>();
  /** Explicit keys of this turn, by table, so that a long INSERT is one message. */
  private explicit = new Map<TableInfo, bigint[]>();

  constructor(private readonly tell: (message: ToKeyDesk) => void) {}

  reserveAll(wants: readonly KeyWant[], asker: object): KeyReservations {
    const asked = this.asked.get(asker) ?? this.ask(wants, asker);
    if (asked.answer === null) return { kind: 'wait', ready: asked.ready, table: tableOf(wants) };
    this.asked.delete(asker);
    if (!sameWants(asked.wants, wants)) {
      // The table was changed meanwhile.
      this.giveBack(asked);
      return { kind: 'wait', ready: this.ask(wants, asker).ready, table: tableOf(wants) };
    }
    const { answer, id } = asked;
    if (answer.kind !== 'keys') return answer;
    const runs = answer.runs.map(({ first, count, open }, at) => ({
      first,
      ...(count === undefined ? {} : { count }),
      settle: (rows: bigint) => {
        if (open) this.tell({ kind: 'keysSettled', id, at, rows });
      },
    }));
    return { kind: 'keys', runs };
  }

  done(asker: object): void {
    // Most commands want no keys.
    if (this.asked.size === 0) return;
    const asked = this.asked.get(asker);
    if (asked === undefined) return;
    this.asked.delete(asker);
    this.giveBack(asked);
  }

  largestIs(table: TableInfo, search: LargestSearch, largest: bigint): void {
    this.tell({ kind: 'largestKey', table: forKeys(table), search, largest });
  }

  sawExplicitKey(table: TableInfo, key: bigint): void {
    if (this.explicit.size === 0) queueMicrotask(() => this.tellExplicit());
    const keys = this.explicit.get(table);
    if (keys === undefined) this.explicit.set(table, [key]);
    else keys.push(key);
  }

  /** The desk's answer to the question `id`. */
  answered(id: number, answer: KeyAnswer): void {
    const take = this.waiting.get(id);
    this.waiting.delete(id);
    take?.(answer);
  }

  private ask(wants: readonly KeyWant[], asker: object): Asked {
    const id = this.nextId++;
    let come = (): void => undefined;
    const asked: Asked = { id, wants, ready: new Promise<void>((resolve) => (come = resolve)), answer: null };
    this.asked.set(asker, asked);
    this.waiting.set(id, (answer) => {
      asked.answer = answer;
      // Nobody waits for it any more.
      if (this.asked.get(asker) !== asked) this.giveBack(asked);
      come();
    });
    this.tell({ kind: 'keysWanted', id, wants: wants.map(({ table, demand }) => ({ table: forKeys(table), demand })) });
    return asked;
  }

  private giveBack({ id, answer }: Asked): void {
    if (answer?.kind !== 'keys') return;
    answer.runs.forEach(({ open }, at) => {
      if (open) this.tell({ kind: 'keysSettled', id, at, rows: 0n });
    });
  }

  private tellExplicit(): void {
    for (const [table, keys] of this.explicit) this.tell({ kind: 'keysExplicit', table: forKeys(table), keys });
    this.explicit.clear();
  }
}

function tableOf(wants: readonly KeyWant[]): TableInfo {
  const [first] = wants;
  if (first === undefined) throw new Error('keys for no table');
  return first.table;
}

/** What keys depend on of a table; the rest need not travel. */
function forKeys({ schema, table, autoIncrement }: TableInfo): TableInfo {
  const none = { hasTriggers: false, hasBeforeInsertTrigger: false, hasCascades: false } as const;
  return { ...none, schema, table, kind: 'base', replicated: true, columns: [], primaryKey: [], autoIncrement };
}

function sameWants(some: readonly KeyWant[], others: readonly KeyWant[]): boolean {
  return some.length === others.length && some.every((want, at) => sameWant(want, others[at]));
}

function sameWant({ table, demand }: KeyWant, other: KeyWant | undefined): boolean {
  if (other === undefined || table.schema !== other.table.schema || table.table !== other.table.table) return false;
  const [own, its] = [table.autoIncrement, other.table.autoIncrement];
  const sameColumn = own?.name === its?.name && own?.bits === its?.bits && own?.unsigned === its?.unsigned;
  return sameColumn && sameDemand(demand, other.demand);
}

function sameDemand(own: KeyDemand, its: KeyDemand): boolean {
  if (own.updates !== its.updates || own.nested !== its.nested) return false;
  if (own.kind === 'rows') return its.kind === 'rows' && own.count === its.count;
  return its.kind === 'unknown' && own.expected === its.expected && own.mixed === its.mixed;
}
