import type { Alarm } from '../replicator/ports';

export interface ClockReading {
  /** The machine's clock, milliseconds since 1970. */
  readonly wallMs: number;
  /** One that nobody sets, milliseconds since whenever. */
  readonly runningMs: number;
  /** The hybrid clock: no earlier than anything stamped or applied here. */
  readonly hybridMs: number;
}

/** Less is what a clock is corrected by. */
const JUMP_MS = 5 * 60_000;
/** Change sets from further ahead are not stored by other sites (HLC_JUMP_MAX_MS). */
const BEHIND_MS = 24 * 3_600_000;

/** Nothing is lost by a clock that jumps: keys and the hybrid clock never run back. But somebody should know. */
export class ClockWatch {
  constructor(private last: ClockReading) {}

  /** What is wrong since the last look. */
  look(now: ClockReading): readonly Alarm[] {
    const movedMs = now.wallMs - this.last.wallMs - (now.runningMs - this.last.runningMs);
    this.last = now;
    const alarms: Alarm[] = [];
    const at = new Date(now.wallMs).toISOString();
    if (Math.abs(movedMs) > JUMP_MS) {
      const message =
        `this machine's clock went ${movedMs > 0 ? 'forward' : 'back'} by ${span(movedMs)} at once, to ${at} (it was set, ` +
        'or the machine slept): if that is wrong, set it right soon, since keys and the order of changes go by it';
      alarms.push({ code: 'DUARA_CLOCK_JUMPED', message });
    }
    const behindMs = now.hybridMs - now.wallMs;
    if (behindMs > BEHIND_MS) {
      const known = new Date(now.hybridMs).toISOString().slice(0, 10);
      const message =
        `this machine's clock says ${at.slice(0, 10)}, but what is stored here was stamped on ${known}: set it right; if it ` +
        'is right, it was wrong before, or that of another site is, and times go on from there';
      alarms.push({ code: 'DUARA_CLOCK_BEHIND', message });
    }
    return alarms;
  }
}

function span(ms: number): string {
  const minutes = Math.round(Math.abs(ms) / 60_000);
  if (minutes < 120) return `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 72 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}
