import { available, php } from './client-needs';

/** True when php with mysqli and PDO is there; as root on Debian it is installed first. Otherwise tests skip, counted. */
export function phpAvailable(): boolean {
  return available(php);
}
