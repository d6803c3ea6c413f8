import { ServerStatus } from '../wire/constants';
import { CachedReads } from './cached-reads';
import { emptySummary } from './reply-summary';
import { sampleServices } from './services-sample';
import { newSessionState, noteSummary } from './session-state';
import { WriteTracker } from './write-tracker';

/** ER_LOCK_DEADLOCK: it has rolled back the transaction, and an error packet has no status. */
const deadlock = 1213;

test('an error in a transaction leaves open whether it goes on: nothing is answered from memory until a reply tells', () => {
  const services = sampleServices({}, 1 << 16);
  const state = newSessionState();
  const reads = new CachedReads(state, services, new WriteTracker(services.versions));
  noteSummary(state, { ...emptySummary(), status: ServerStatus.autocommit });
  noteSummary(state, { ...emptySummary(), errorCode: deadlock });
  expect(reads.mayHit).toBe(true);
  noteSummary(state, { ...emptySummary(), status: ServerStatus.autocommit | ServerStatus.inTransaction });
  expect(reads.mayHit).toBe(true);
  noteSummary(state, { ...emptySummary(), errorCode: deadlock });
  expect(reads.mayHit).toBe(false);
  noteSummary(state, { ...emptySummary(), status: ServerStatus.autocommit });
  expect(reads.mayHit).toBe(true);
});

test('nor while a SET TRANSACTION waits for the transaction that the SELECT would be', () => {
  const services = sampleServices({}, 1 << 16);
  const state = newSessionState();
  const reads = new CachedReads(state, services, new WriteTracker(services.versions));
  state.nextTransactionSet = true;
  expect(reads.mayHit).toBe(false);
});
