/** The value that the expression of a row had. */
export const valueVariable = '@duara_g';
/**
 * How far the server has come when it reads a row: 0, it has generated no key; 1, it has, or has tried to; 2, behind that a row
 * brought a larger one, which it would count on from.
 */
export const courseVariable = '@duara_j';

/**
 * What an INSERT whose list holds values that only the server knows says of its own course, row by row: an expression that the
 * next row to be looked at evaluates and keeps. `first`: the run's first key, or the variable that holds it.
 */
export class CountedOn {
  /** Of the rows so far, but for `key`. A number is known without looking. */
  private course: number | string = 0;
  /** The largest key that rows behind those bring. */
  private key: bigint | null = null;
  /** It is 1 at least. */
  private hasGenerated = false;
  /** It may be 2. */
  private mayHaveJumped = false;

  constructor(
    private readonly first: bigint | string,
    private readonly anyKeyJumps: boolean,
  ) {}

  /** A row brings this key. */
  explicit(key: bigint): void {
    if (this.key === null || key > this.key) this.key = key;
  }

  /** A row whose key the server generates, whatever came before it. */
  generated(): void {
    const course = this.now();
    if (typeof course === 'number' || !this.mayHaveJumped) this.course = this.mayHaveJumped ? 2 : 1;
    else this.course = this.hasGenerated ? course : `GREATEST(${course},1)`;
    this.hasGenerated = true;
  }

  /** The value of a row that gets `key` if the server would not generate its key from the run. */
  generates(key: string): string {
    this.generated();
    const { course } = this;
    this.course = courseVariable;
    return `IF(${course === courseVariable ? course : `(${courseVariable}:=${course})`}=2,${key},NULL)`;
  }

  /** To be evaluated before the value of a row is kept; null: nothing is. */
  kept(): string | null {
    const course = this.now();
    this.course = course;
    if (typeof course === 'number') return null;
    this.course = courseVariable;
    return `${courseVariable}:=${course}`;
  }

  /** The value of a row has been kept. */
  looked(zeroGenerates: boolean): void {
    const { course } = this;
    const none = zeroGenerates ? `IFNULL(ROUND(${valueVariable})=0,1)` : `(${valueVariable} IS NULL)`;
    const jumps = this.anyKeyJumps ? `${valueVariable}<>0` : `${valueVariable}>=${this.first}`;
    if (course === 0) this.course = none;
    else if (course === 1) this.course = `1+IFNULL(${jumps},0)`;
    else if (course !== 2) this.course = `IF(${none},GREATEST(${course},1),${course}+(${course}=1 AND ${jumps}))`;
    this.mayHaveJumped ||= course !== 0;
  }

  /** With what the rows brought that need not be looked at. */
  private now(): number | string {
    const { course, key, first } = this;
    this.key = null;
    if (key === null || course === 0 || course === 2) return course;
    const jumps = this.anyKeyJumps || (typeof first === 'bigint' ? key >= first : `${key}>=${first}`);
    if (jumps === false) return course;
    this.mayHaveJumped = true;
    if (jumps === true) return course === 1 ? 2 : `${course}+(${course}=1)`;
    return `${course}+(${course}=1 AND ${jumps})`;
  }
}
