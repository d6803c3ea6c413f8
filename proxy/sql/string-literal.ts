import { lengthAt } from './client-charset';
import type { SqlMode } from './sql-mode';

/** A literal of this value (one character a byte), as the server reads it under `mode`. */
export function stringLiteral(value: string, { noBackslashEscapes, charset }: SqlMode): string {
  let literal = "'";
  for (let at = 0; at < value.length;) {
    const char = value.slice(at, (at += lengthAt(value, at, charset)));
    literal += char === "'" || (char === '\\' && !noBackslashEscapes) ? char + char : char;
  }
  return `${literal}'`;
}
