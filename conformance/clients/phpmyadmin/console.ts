import type { Browser } from './browser';

/** No request is under way, nothing moves. jQuery counts its requests; AJAX is phpMyAdmin's own. */
const idle =
  'document.readyState === "complete" && document.querySelector("#pma_navigation") !== null && ' +
  'jQuery.active === 0 && !AJAX.active && jQuery(":animated").length === 0';

/** What stands on a page for people, drop-down lists aside. */
const visibleText = (selector: string): string => `(() => {
  const hidden = document.head.appendChild(document.createElement('style'));
  hidden.textContent = 'select, .CodeMirror, .hide, #pma_console_container { display: none !important }';
  const text = [...document.querySelectorAll(${JSON.stringify(selector)})].map((found) => found.innerText).join('\\n');
  hidden.remove();
  return text;
})()`;

/** phpMyAdmin's pages as a person uses them: by their links, fields and buttons. */
export class PhpMyAdminConsole {
  constructor(
    private readonly browser: Browser,
    private readonly url: string,
  ) {}

  async login(user: string, password: string): Promise<void> {
    await this.browser.open(`${this.url}/index.php`);
    await this.browser.until('document.readyState === "complete" && document.querySelector("#input_go") !== null');
    await this.fill('#input_username', user);
    await this.fill('#input_password', password);
    await this.browser.evaluate('void (window.seenBefore = true, document.querySelector("#input_go").click())');
    await this.browser.until('window.seenBefore === undefined && document.readyState === "complete"');
  }

  async loggedIn(): Promise<void> {
    await this.browser.until(idle);
  }

  /** Loads one of phpMyAdmin's pages by its address. */
  async open(route: string): Promise<void> {
    await this.browser.evaluate('void (window.seenBefore = true)');
    await this.browser.open(`${this.url}/index.php?route=${route}`);
    await this.browser.until(`window.seenBefore === undefined && ${idle}`);
  }

  /** The tab of this name above the page. */
  async tab(name: string): Promise<void> {
    const link = `[...document.querySelectorAll("#topmenu a")].find((a) => a.innerText.trim() === ${JSON.stringify(name)})`;
    await this.leave(`${link}.click()`);
  }

  async click(selector: string): Promise<void> {
    await this.act(`document.querySelector(${JSON.stringify(selector)}).click()`);
  }

  /** A click that leads to another page. */
  async follow(selector: string): Promise<void> {
    await this.leave(`document.querySelector(${JSON.stringify(selector)}).click()`);
  }

  /** Into the nth field that the selector finds. */
  async fill(selector: string, value: string, nth = 0): Promise<void> {
    await this.browser.evaluate(`(() => {
      const field = document.querySelectorAll(${JSON.stringify(selector)})[${nth}];
      field.value = ${JSON.stringify(value)};
      for (const name of ['input', 'change']) field.dispatchEvent(new Event(name, { bubbles: true }));
    })()`);
  }

  /** A box to tick, or one of several; ticked whatever it was. */
  async check(selector: string): Promise<void> {
    await this.act(`(() => {
      const box = document.querySelector(${JSON.stringify(selector)});
      if (!box.checked) box.click();
      if (!box.checked) throw new Error('cannot be ticked');
    })()`);
  }

  /** What stands in a field. */
  async value(selector: string): Promise<string> {
    return String(await this.browser.evaluate(`document.querySelector(${JSON.stringify(selector)}).value`));
  }

  /** A click on what gives a file: its text. */
  async download(selector: string): Promise<string> {
    await this.browser.evaluate(`void document.querySelector(${JSON.stringify(selector)}).click()`);
    return this.browser.download();
  }

  /** Runs what is given in the box for SQL of a table, and says what the page asked before. */
  async sql(schema: string, table: string, text: string): Promise<readonly string[]> {
    return this.sqlAt(`/table/sql&db=${schema}&table=${table}`, text);
  }

  /** The same in the box of another page. */
  async sqlAt(route: string, text: string): Promise<readonly string[]> {
    await this.open(route);
    await this.act(`codeMirrorEditor.setValue(${JSON.stringify(text)})`);
    await this.click('#button_submit_query');
    return this.browser.asked.splice(0);
  }

  /** A cell of the table that is shown becomes a field by a double click; Enter saves it. */
  async editCell(nth: number, value: string): Promise<void> {
    await this.act(`(() => {
      const cell = document.querySelectorAll('td.grid_edit')[${nth}];
      cell.dispatchEvent(new MouseEvent('dblclick', { bubbles: true, cancelable: true, view: window }));
    })()`);
    await this.act(`(() => {
      const field = [...document.querySelectorAll('.cEdit .edit_box')].find((box) => box.offsetParent !== null);
      field.value = ${JSON.stringify(value)};
      field.dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, key: 'Enter', keyCode: 13, which: 13 }));
    })()`);
  }

  /** Lines for people, without blank ones. */
  async lines(selector = '#page_content'): Promise<readonly string[]> {
    const text = String(await this.browser.evaluate(visibleText(selector)));
    return text
      .split('\n')
      .map((line) => line.replace(/[\s\u00a0]+/g, ' ').trim())
      .filter((line) => line !== '');
  }

  async evaluate(expression: string): Promise<unknown> {
    return this.browser.evaluate(expression);
  }

  private async act(expression: string): Promise<void> {
    await this.browser.evaluate(`void ${expression}`);
    await this.browser.until(idle);
  }

  /** Until none of what stood on the page is there any more. */
  private async leave(expression: string): Promise<void> {
    await this.browser.evaluate(
      `void (document.querySelector('#page_content > *').dataset.seenBefore = 'yes', ${expression})`,
    );
    await this.browser.until(`document.querySelector('[data-seen-before]') === null && ${idle}`);
  }
}
