/** Numbers that nearly all follow one another: the first run of them is kept as its ends. */
export class SeqSet {
  /** The run is `first`, …, `next - 1`. */
  private first = 0;
  private next = 0;
  /** What lies outside of the run. */
  private readonly others = new Set<number>();

  has(seq: number): boolean {
    return (seq >= this.first && seq < this.next) || this.others.has(seq);
  }

  /** False: it was there already. */
  add(seq: number): boolean {
    if (this.has(seq)) return false;
    if (this.first === this.next) this.first = this.next = seq;
    if (seq !== this.next) this.others.add(seq);
    else for (this.next++; this.others.delete(this.next);) this.next++;
    return true;
  }

  delete(seq: number): void {
    if (this.others.delete(seq) || !this.has(seq)) return;
    for (let behind = seq + 1; behind < this.next; behind++) this.others.add(behind);
    this.next = seq;
  }
}
