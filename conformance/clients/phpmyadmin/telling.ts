import { Transcript } from '../transcript';

/** What a session prints: the lines that people see, without what differs honestly from run to run. */
export class Telling {
  private readonly transcript = new Transcript();

  tell(what: string, lines: readonly string[]): void {
    for (const line of lines) {
      if (!savedByTheBrowser.test(line)) process.stdout.write(`${what}: ${this.masked(line)}\n`);
    }
  }

  /** Where all numbers are the server's counts: how many digits and which unit is chance too. */
  tellCounts(what: string, lines: readonly string[]): void {
    const counts = /\d[\d,.]*( [kM]\b| ?[KMG]?i?B\b)?/g;
    this.tell(
      what,
      lines.map((line) => line.replace(counts, '#')),
    );
  }

  end(): void {
    this.transcript.end();
  }

  /** Keys are named by the order of their appearance: all of them, and nothing else, have twelve digits or more. */
  private masked(line: string): string {
    return line
      .replace(/(AUTO_INCREMENT ?= ?|Next autoindex )[\d,]+/g, '$1#')
      .replace(/\b\d{12,}\b/g, (key) => this.transcript.key(key))
      .replace(/took [\d.]+ seconds/g, 'took # seconds')
      .replace(/[A-Z][a-z]{2} \d\d, \d{4} at \d\d:\d\d(:\d\d)? [AP]M/g, 'a date')
      .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:#');
  }
}

/** Whether it comes depends on when the browser's timer last kept what stood in the SQL box. */
const savedByTheBrowser = /You have a previously saved query/;
