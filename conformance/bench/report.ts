import { writeFileSync } from 'node:fs';

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** A table for people on stdout, and the same rows as JSON where a file was named. */
export function report(
  title: string,
  rows: readonly Record<string, string | number>[],
  jsonFile: string | undefined,
): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const width = (column: string): number =>
    Math.max(column.length, ...rows.map((row) => String(row[column] ?? '').length));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(width(columns[i] ?? '')) : cell.padStart(width(columns[i] ?? ''))))
      .join('  ');
  const lines = [title, line(columns), ...rows.map((row) => line(columns.map((column) => String(row[column] ?? ''))))];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (jsonFile !== undefined) writeFileSync(jsonFile, `${JSON.stringify({ title, rows }, null, 2)}\n`);
}
