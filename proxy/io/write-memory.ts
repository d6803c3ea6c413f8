import { ViewedMemory } from './viewed-memory';

const memoryBytes = 64 * 1024;
/** When so many bytes wait for the system, whoever writes should pause. */
export const waitingBytesMax = 16 * 1024;

/** Bytes that must not stay where they are go out from here, one write after another; null: a write still needs it. */
let memory: ViewedMemory | null = null;

/** The bytes, and those of `more` behind them, in memory that the next call uses again; null: they are too long. */
export function gather(first: Buffer, more: readonly Buffer[] | null = null): Buffer | null {
  let bytes = first.length;
  if (more !== null) for (const part of more) bytes += part.length;
  if (bytes > memoryBytes) return null;
  memory ??= new ViewedMemory(memoryBytes);
  memory.bytes.set(first);
  let at = first.length;
  if (more !== null) {
    for (const part of more) {
      memory.bytes.set(part, at);
      at += part.length;
    }
  }
  return memory.first(bytes);
}

/** A write of what was gathered last goes on: the next call uses other memory. */
export function keepGathered(): void {
  memory = null;
}
