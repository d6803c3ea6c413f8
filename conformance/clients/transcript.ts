/** What a session of a client prints: steps on stdout, with generated keys named in order of appearance; keys on stderr. */
export class Transcript {
  private readonly keys: string[] = [];

  readonly say = (what: string, ...values: unknown[]): void => {
    const text = JSON.stringify(values, (_, value: unknown) => {
      if (typeof value === 'bigint') return `${value}n`;
      return isResultHeader(value) ? { ...value, insertId: this.key(value.insertId) } : value;
    });
    process.stdout.write(`${what}: ${text}\n`);
  };

  readonly key = (id: string | number | bigint): string => {
    if (BigInt(id) === 0n) return 'none';
    const known = this.keys.indexOf(String(id));
    return `K${known >= 0 ? known + 1 : this.keys.push(String(id))}`;
  };

  /** Number, SQL state and message of the error; numbers that may be keys or thread ids are masked. */
  readonly failing = async (step: () => Promise<unknown>): Promise<readonly unknown[]> => {
    try {
      await step();
      return ['no error'];
    } catch (error) {
      const { errno, sqlState, message } = error as { errno?: number; sqlState?: string; message: string };
      return [errno, sqlState, message.replace(/\d{5,}/g, 'N').replace(/conn:\d+/, 'conn')];
    }
  };

  readonly end = (): void => {
    process.stderr.write(`${JSON.stringify({ keys: this.keys })}\n`);
  };
}

function isResultHeader(value: unknown): value is { readonly insertId: string | number | bigint } {
  if (typeof value !== 'object' || value === null || !('insertId' in value)) return false;
  return /^(string|number|bigint)$/.test(typeof value.insertId) && !/^(K|none)/.test(String(value.insertId));
}
