import type { SqlMode } from './sql-mode';

/** A literal of this value (one character a byte), as the server reads it under `mode`; not for double-byte character sets. */
export function stringLiteral(value: string, { noBackslashEscapes }: SqlMode): string {
  const escaped = noBackslashEscapes ? value : value.replaceAll('\\', '\\\\');
  return `'${escaped.replaceAll("'", "''")}'`;
}
