import { type Workload, runWorkload } from './workloads';
import type { Target } from './lean-client';

/** A load generator of its own process: told what to run by a message, answers with the count. */
interface Order {
  readonly workload: Workload;
  readonly target: Target;
  readonly clients: number;
  readonly seconds: number;
  readonly seed: number;
}

process.on('message', (order: Order) => {
  runWorkload(order.workload, order.target, order).then(
    (count) => process.send?.({ count }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
