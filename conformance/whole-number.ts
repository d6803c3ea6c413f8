import { InvalidArgumentError } from 'commander';

/** Reads an option of a campaign: a whole number, not below `least`. */
export function wholeNumberFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`a whole number from ${least} on, please`);
  };
}
