import type { PhpMyAdminConsole } from './console';
import type { Telling } from './telling';

/** A person at phpMyAdmin's pages, and who writes down what that person sees. */
export interface Visit {
  readonly pages: PhpMyAdminConsole;
  readonly say: Telling;
}
