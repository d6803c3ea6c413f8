import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Ends the lab's processes when the lab itself is killed without a chance to do so (kill -9). It is a shell that reads
 * the pids to watch from a pipe: when the lab dies, the pipe ends, and the shell kills what is still on its list and
 * removes the folder. A database server cannot watch its parent itself.
 */
export class Guardian {
  private readonly shell: ChildProcess;

  /** `remove`: a folder to delete after a sudden end, or null to keep everything. */
  constructor(remove: string | null) {
    this.shell = spawn('sh', ['-c', script, 'duara-lab-guardian', remove ?? ''], {
      stdio: ['pipe', 'ignore', 'ignore'],
      // Its own session: a Ctrl-C in the terminal must not end it before the lab.
      detached: true,
    });
    this.shell.stdin?.on('error', () => undefined);
    this.shell.unref();
  }

  watch(pid: number): void {
    this.shell.stdin?.write(`+ ${pid}\n`);
  }

  forget(pid: number): void {
    this.shell.stdin?.write(`- ${pid}\n`);
  }

  /** The lab ends in order: nothing is left to kill or remove. */
  async dismiss(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.shell.once('exit', () => resolve()));
    if (this.shell.exitCode !== null || this.shell.signalCode !== null) return;
    this.shell.ref();
    this.shell.stdin?.end('done\n');
    await ended;
  }
}

const script = `
pids=" "
while read -r op pid; do
  case "$op" in
    +) pids="$pids$pid " ;;
    -) rest=" "; for p in $pids; do [ "$p" = "$pid" ] || rest="$rest$p "; done; pids="$rest" ;;
    done) exit 0 ;;
  esac
done
for p in $pids; do kill -9 "$p" 2>/dev/null; done
for p in $pids; do while kill -0 "$p" 2>/dev/null; do sleep 0.1; done; done
[ -z "$1" ] || rm -rf "$1"
`;
