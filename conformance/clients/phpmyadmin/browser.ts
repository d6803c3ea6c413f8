import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WebSocket } from 'ws';

/** What a person would call hung. */
const patienceMs = 60_000;
const pollMs = 20;

interface Message {
  /** Of the command it answers; an event has none. */
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly message?: string; readonly guid?: string; readonly state?: string };
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** The browser refused a command, or a page threw: `code` tells it from bugs of ours. */
export class BrowserError extends Error {
  readonly code = 'BROWSER';
}

/** A headless browser with one page, told what to do over its DevTools protocol. It says yes to whatever pages ask. */
export class Browser {
  /** What pages have asked, since it was last looked at. */
  readonly asked: string[] = [];
  /** Names of files that have come; null: one that was broken off. */
  private readonly downloads: (string | null)[] = [];
  private readonly waiting = new Map<number, (answer: Message) => void>();
  private last = 0;
  private session: string | null = null;

  private constructor(
    private readonly child: ChildProcess,
    private readonly socket: WebSocket,
    private readonly folder: string,
  ) {
    socket.on('message', (data: Buffer) => this.hear(JSON.parse(data.toString()) as Message));
    socket.once('close', () => this.gone('the browser is gone'));
  }

  /** `profile`: an empty folder for what the browser keeps. */
  static async start(profile: string): Promise<Browser> {
    const options = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
    const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];
    const own = [`--user-data-dir=${profile}`, '--no-proxy-server', '--remote-debugging-port=0', 'about:blank'];
    const child = spawn('chromium', [...options, ...quiet, '--disable-extensions', ...own], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const socket = new WebSocket(await said(child, /DevTools listening on (ws:\S+)/));
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    const folder = join(profile, 'downloads');
    mkdirSync(folder);
    const browser = new Browser(child, socket, folder);
    // Named by their ids, so that none is taken for another of the same name.
    await browser.send('Browser.setDownloadBehavior', {
      behavior: 'allowAndName',
      downloadPath: folder,
      eventsEnabled: true,
    });
    const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true });
    browser.session = String(sessionId);
    await browser.send('Page.enable', {});
    return browser;
  }

  /** Loads a page; `until` tells when it is ready. */
  async open(url: string): Promise<void> {
    const { errorText } = await this.send('Page.navigate', { url });
    if (errorText !== undefined) throw new BrowserError(`${url}: ${String(errorText)}`);
  }

  /** The value of a JavaScript expression in the page; a promise is waited for. */
  async evaluate(expression: string): Promise<unknown> {
    const said = await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
      userGesture: true,
    });
    const thrown = said['exceptionDetails'] as { text: string; exception?: { description?: string } } | undefined;
    if (thrown !== undefined) throw new BrowserError(thrown.exception?.description ?? thrown.text);
    return (said['result'] as { value?: unknown }).value;
  }

  /** Waits until the expression is true. A page that is just being left counts as not yet. */
  async until(expression: string): Promise<void> {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      const answer = await this.evaluate(expression).catch((error: unknown) => error);
      if (answer === true) return;
      if (Date.now() > deadline) throw new BrowserError(`never came true: ${expression} (${String(answer)})`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  /** The file that a page gives next: what is in it. */
  async download(): Promise<string> {
    const deadline = Date.now() + patienceMs;
    while (this.downloads.length === 0) {
      if (Date.now() > deadline) throw new BrowserError('no file came');
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    const name = this.downloads.shift() ?? null;
    if (name === null) throw new BrowserError('a file was broken off');
    return readFileSync(join(this.folder, name), 'utf8');
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.session = null;
    await this.send('Browser.close', {}).catch(() => this.child.kill('SIGKILL'));
    await gone;
    this.socket.terminate();
  }

  private async send(method: string, params: object): Promise<Record<string, unknown>> {
    const id = ++this.last;
    const sessionId = this.session;
    const answered = new Promise<Message>((resolve) => this.waiting.set(id, resolve));
    this.socket.send(JSON.stringify({ id, method, params, ...(sessionId === null ? {} : { sessionId }) }));
    const late = setTimeout(() => this.hear({ id, error: { message: 'no answer' } }), patienceMs);
    const { result, error } = await answered;
    clearTimeout(late);
    if (error !== undefined) throw new BrowserError(`${method}: ${error.message}`);
    return result ?? {};
  }

  private hear({ id, method, params, ...answer }: Message): void {
    if (id !== undefined) {
      this.waiting.get(id)?.(answer);
      this.waiting.delete(id);
    } else if (method === 'Page.javascriptDialogOpening') {
      this.asked.push(params?.message ?? '');
      this.send('Page.handleJavaScriptDialog', { accept: true }).catch((error: Error) => this.gone(error.message));
    } else if (method === 'Browser.downloadProgress' && params?.state !== 'inProgress') {
      this.downloads.push(params?.state === 'completed' ? (params.guid ?? null) : null);
    }
  }

  private gone(message: string): void {
    for (const id of [...this.waiting.keys()]) this.hear({ id, error: { message } });
  }
}

/** What the program prints on stderr where `pattern` fits: its first group. */
export async function said(child: ChildProcess, pattern: RegExp): Promise<string> {
  let text = '';
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new BrowserError(`it ended: ${text.slice(-1000)}`)));
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const found = pattern.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
}
