import { readFile } from 'node:fs/promises';
import { CaptureError } from '../capture/capture-error';
import type { CaptureState } from '../capture/capture-state';
import { formatPosition, parsePosition } from '../capture/gtid-position';
import type { Hlc, Incarnation } from '../change-set';
import { replaceFile } from './replaced-file';

interface PositionRecord {
  readonly version: 1;
  readonly incarnation: number;
  readonly gtid: string;
  readonly localSeq: string;
  readonly hlc: string;
  readonly applied: Readonly<Record<string, string>>;
  readonly last: CaptureState['last'];
}

export async function writePosition(path: string, incarnation: Incarnation, state: CaptureState): Promise<void> {
  const record: PositionRecord = {
    version: 1,
    incarnation,
    gtid: formatPosition(state.position),
    localSeq: state.localSeq.toString(),
    hlc: state.hlc.toString(),
    applied: Object.fromEntries([...state.applied].map(([origin, seq]) => [origin, seq.toString()])),
    last: state.last,
  };
  await replaceFile(path, `${JSON.stringify(record)}\n`);
}

/** null when there is none. Throws CaptureError when it cannot be read or is another incarnation's. */
export async function readPosition(path: string, incarnation: Incarnation): Promise<CaptureState | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  let record: PositionRecord;
  try {
    record = JSON.parse(text) as PositionRecord;
    if (record.version !== 1) throw new Error(`version ${String(record.version)}`);
    return stateOf(record, incarnation);
  } catch (error) {
    throw new CaptureError(
      'DUARA_CAPTURE_MEMORY_LOST',
      `${path} cannot be used (${error instanceof Error ? error.message : String(error)}): this site must join anew`,
      { cause: error },
    );
  }
}

function stateOf(record: PositionRecord, incarnation: Incarnation): CaptureState {
  if (record.incarnation !== incarnation) throw new Error(`of incarnation ${record.incarnation}, not ${incarnation}`);
  const applied = Object.entries(record.applied);
  return {
    position: parsePosition(record.gtid),
    localSeq: BigInt(record.localSeq),
    hlc: BigInt(record.hlc) as Hlc,
    applied: new Map(applied.map(([origin, seq]) => [Number(origin) as Incarnation, BigInt(seq)])),
    last: record.last,
  };
}
