import type { NarrowTable } from './key-leases';

/** Why there are no keys, in words for the client: each names the table and the cure. */

interface Named {
  readonly schema: string;
  readonly table: string;
}
interface Refusal {
  readonly kind: 'refused';
  readonly message: string;
}

function refused({ schema, table }: Named, why: string): Refusal {
  return { kind: 'refused', message: `Duara has no auto-increment key for \`${schema}\`.\`${table}\`: ${why}` };
}

export function noColumn(table: Named): Refusal {
  return refused(table, 'it has no AUTO_INCREMENT column');
}

export function closing(table: Named): Refusal {
  return refused(table, 'this site is shutting down; try again when it is back');
}

export function timeIsUp(table: Named): Refusal {
  return refused(table, 'its keys reach the year 2088; set the clock right and remove rows with such keys');
}

export function bulkExhausted(table: Named, remaining: bigint): Refusal {
  return refused(
    table,
    `this site's bulk range has ${remaining} keys left, too few for this statement; ` +
      'insert by VALUES in statements of up to 768 rows, or let the site join again under a new scope',
  );
}

export function tooManyUpdates(table: Named): Refusal {
  return refused(
    table,
    'an INSERT of more than 768 rows, or of a query that cannot be counted, would give new rows keys of other rows when its ' +
      'ON DUPLICATE KEY UPDATE assigns the key column, since the server then counts on from the key of each row that it ' +
      'updates; leave the key column out there, or send it in statements of up to 768 rows',
  );
}

export function noLease(table: NarrowTable, reason: string): Refusal {
  return refused(
    table,
    `the keys leased for its ${table.bits}-bit column are used up and no new ones could be leased (${reason}); ` +
      'restore the connection to the ring, or ALTER the column to BIGINT',
  );
}

export function notRead(table: Named, reason: string): Refusal {
  return refused(table, `its largest key could not be read (${reason}); check that the database answers Duara`);
}

export function notWritten(table: Named, reason: string): Refusal {
  return refused(table, `the marks of issued keys could not be written (${reason}); check the data directory's disk`);
}
