// Google's services, as far as they are modelled, over one native function. What is not modelled is refused by its name.
//
// The text of this file is one function. It gets the native call and the scene of this execution: the spreadsheet,
// the person, the event. Everything else that a script sees is made here.
(function enter(native, sceneText) {
  "use strict";
  const scene = JSON.parse(sceneText);
  const SCOPE = "https://www.googleapis.com/auth/";

  const exception = (message) => Object.assign(new Error(message), { name: "Exception" });

  const call = (name, ...args) => {
    const answer = JSON.parse(native(name, JSON.stringify(args)));
    if (answer.error !== undefined) throw exception(answer.error);
    return answer.value;
  };

  /** An object of Google's: what it does not have is named in the error. */
  const strict = (name, members) => new Proxy(members, {
    get(target, key) {
      if (Object.hasOwn(target, key)) return target[key];
      if (typeof key === "symbol" || key === "toJSON" || key === "then") return undefined;
      if (key === "toString") return () => name;
      throw exception(`the emulator does not model ${name}.${key}`);
    },
    set(_target, key) { throw exception(`the emulator does not model setting ${name}.${String(key)}`); },
  });

  /** Refuses what the manifest did not ask for, and what a simple trigger may not do. */
  const need = (scopes, what) => {
    const required = `Required permissions: ${scopes.map((scope) => SCOPE + scope).join(" or ")}`;
    if (scene.mode !== "FULL" && !scopes.some((scope) => scope.startsWith("spreadsheets"))) {
      throw exception(`You do not have permission to call ${what}. ${required}`);
    }
    if (scene.scopes && !scopes.some((scope) => scene.scopes.includes(SCOPE + scope))) {
      throw exception(`Specified permissions are not sufficient to call ${what}. ${required}`);
    }
  };
  const sheets = (what) => need(["spreadsheets.currentonly", "spreadsheets"], what);

  const user = (email) => strict("User", { getEmail: () => email });

  // ---- SpreadsheetApp

  const letters = (column) => {
    let text = "";
    for (let left = column; left > 0; left = Math.floor((left - 1) / 26)) {
      text = String.fromCharCode(65 + (left - 1) % 26) + text;
    }
    return text;
  };

  const sheetOf = (id) => {
    const found = scene.sheets.find((sheet) => sheet.id === id);
    if (!found) throw exception(`Sheet ${id} not found`);
    return strict("Sheet", {
      getSheetId: () => found.id,
      getName: () => found.title,
      getSheetName: () => found.title,
      getMaxRows: () => found.rows,
      getMaxColumns: () => found.columns,
      getParent: () => book(),
    });
  };

  /** Rows and columns count from 1 here, as in Apps Script, and the ends are inside. */
  const rangeOf = (id, { rowStart, rowEnd, columnStart, columnEnd }) => {
    const first = `${letters(columnStart)}${rowStart}`;
    const last = `${letters(columnEnd)}${rowEnd}`;
    return strict("Range", {
      rowStart, rowEnd, columnStart, columnEnd,
      getA1Notation: () => (first === last ? first : `${first}:${last}`),
      getSheet: () => sheetOf(id),
      getRow: () => rowStart,
      getColumn: () => columnStart,
      getLastRow: () => rowEnd,
      getLastColumn: () => columnEnd,
      getNumRows: () => rowEnd - rowStart + 1,
      getNumColumns: () => columnEnd - columnStart + 1,
    });
  };

  const activeRange = () => rangeOf(scene.active.sheet, scene.active);
  const activeCell = () => {
    const { sheet, rowStart, columnStart } = scene.active;
    return rangeOf(sheet, { rowStart, columnStart, rowEnd: rowStart, columnEnd: columnStart });
  };
  const book = () => strict("Spreadsheet", {
    getId: () => scene.spreadsheet.id,
    getName: () => scene.spreadsheet.name,
    getSheets: () => scene.sheets.map((sheet) => sheetOf(sheet.id)),
    getSheetByName: (name) => {
      const found = scene.sheets.find((sheet) => sheet.title === name);
      return found ? sheetOf(found.id) : null;
    },
    getActiveSheet: () => sheetOf(scene.active.sheet),
    getActiveRange: activeRange,
    getCurrentCell: activeCell,
    toast: (text, title = "") => { call("toast", String(text), String(title)); },
  });

  const menuOf = (name) => {
    const items = [];
    const menu = strict("Menu", {
      addItem: (caption, handler) => { items.push({ caption: String(caption), function: String(handler) }); return menu; },
      addSeparator: () => { items.push({ separator: true }); return menu; },
      addToUi: () => { call("menu", name, items); },
    });
    return menu;
  };
  const uiOf = () => {
    const Button = strict("Button", { OK: "OK", CANCEL: "CANCEL", YES: "YES", NO: "NO", CLOSE: "CLOSE" });
    const ButtonSet = strict("ButtonSet", { OK: "OK" });
    return strict("Ui", {
      Button, ButtonSet,
      createMenu: (name) => menuOf(String(name)),
      alert: (...args) => {
        const buttons = args.length > 1 ? args.at(-1) : "OK";
        if (args.length === 0 || args.length > 3) throw exception(`Ui.alert takes 1 to 3 arguments, not ${args.length}`);
        if (buttons !== "OK") throw exception(`the emulator does not model Ui.alert with the buttons ${buttons}`);
        if (scene.mode !== "FULL") throw exception("You do not have permission to call Ui.alert.");
        call("alert", args.length === 3 ? String(args[0]) : "", String(args[args.length === 3 ? 1 : 0]));
        return Button.OK;
      },
    });
  };

  const SpreadsheetApp = {
    getActive: () => { sheets("SpreadsheetApp.getActive"); return book(); },
    getActiveSpreadsheet: () => { sheets("SpreadsheetApp.getActiveSpreadsheet"); return book(); },
    getActiveSheet: () => { sheets("SpreadsheetApp.getActiveSheet"); return sheetOf(scene.active.sheet); },
    getActiveRange: () => { sheets("SpreadsheetApp.getActiveRange"); return activeRange(); },
    getCurrentCell: () => { sheets("SpreadsheetApp.getCurrentCell"); return activeCell(); },
    flush: () => {},
    getUi: () => {
      if (!scene.ui) throw exception("Cannot call SpreadsheetApp.getUi() from this context.");
      return uiOf();
    },
  };

  // ---- UrlFetchApp

  const FETCH = ["method", "contentType", "payload", "headers", "muteHttpExceptions", "followRedirects", "validateHttpsCertificates"];
  const UrlFetchApp = {
    fetch: (url, params = {}) => {
      need(["script.external_request"], "UrlFetchApp.fetch");
      const strange = Object.keys(params).find((name) => !FETCH.includes(name));
      if (strange) throw exception(`the emulator does not model UrlFetchApp.fetch with ${strange}`);
      if (params.payload !== undefined && typeof params.payload !== "string") {
        throw exception("the emulator does not model UrlFetchApp.fetch with a payload that is no string");
      }
      const headers = Object.entries(params.headers ?? {}).map(([name, value]) => [name, String(value)]);
      const answer = call("fetch", String(url), {
        method: (params.method ?? "get").toUpperCase(),
        contentType: params.contentType ?? "application/x-www-form-urlencoded",
        payload: params.payload ?? null,
        headers,
      });
      if (answer.code >= 300 && answer.code < 400 && params.followRedirects !== false) {
        throw exception("the emulator does not model UrlFetchApp.fetch following a redirect");
      }
      if (answer.code >= 400 && params.muteHttpExceptions !== true) {
        throw exception(`Request failed for ${url} returned code ${answer.code}. Truncated server response: ${answer.text.slice(0, 200)}`);
      }
      return strict("HTTPResponse", { getResponseCode: () => answer.code, getContentText: () => answer.text });
    },
  };

  // ---- PropertiesService, LockService, Utilities, Session, console

  const properties = strict("Properties", {
    getProperty: (name) => call("property", String(name)),
    getKeys: () => call("propertyNames"),
    setProperty: (name, value) => { call("setProperty", String(name), String(value)); return properties; },
    deleteProperty: (name) => { call("deleteProperty", String(name)); return properties; },
  });
  const PropertiesService = { getScriptProperties: () => properties };

  const lockOf = (which) => strict("Lock", {
    tryLock: (wait) => call("lock", which, Number(wait)),
    waitLock: (wait) => {
      if (!call("lock", which, Number(wait))) throw exception("Lock timeout: another process was holding the lock for too long.");
    },
    hasLock: () => call("hasLock", which),
    releaseLock: () => { call("unlock", which); },
  });
  const LockService = {
    getDocumentLock: () => lockOf("document"), getScriptLock: () => lockOf("script"), getUserLock: () => lockOf("user"),
  };

  const Utilities = {
    Charset: strict("Charset", { US_ASCII: "US_ASCII", UTF_8: "UTF_8" }),
    // US_ASCII unless told otherwise, and what it does not have is a question mark.
    computeHmacSha256Signature: (value, key, charset = "US_ASCII") => {
      if (typeof value !== "string" || typeof key !== "string") {
        throw exception("the emulator does not model Utilities.computeHmacSha256Signature of anything but strings");
      }
      return call("hmac", value, key, charset);
    },
    getUuid: () => call("uuid"),
  };

  const email = (what) => {
    need(["userinfo.email"], what);
    return scene.user;
  };
  const Session = {
    getActiveUser: () => strict("User", { getEmail: () => email("Session.getActiveUser") }),
    getEffectiveUser: () => strict("User", { getEmail: () => email("Session.getEffectiveUser") }),
  };

  const said = (value) => (typeof value === "string" ? value : value instanceof Error ? `${value.name}: ${value.message}` : JSON.stringify(value));
  const log = (level) => (...values) => { call("log", level, values.map(said).join(" ")); };
  const console = { log: log("log"), info: log("info"), warn: log("warn"), error: log("error") };
  const Logger = { log: log("log") };

  // ---- ScriptApp

  const triggerOf = ({ uid, handler, event }) => strict("Trigger", {
    getUniqueId: () => uid, getHandlerFunction: () => handler, getEventType: () => event,
  });
  const triggers = (what) => need(["script.scriptapp"], what);
  const builder = (handler) => strict("TriggerBuilder", {
    forSpreadsheet: (target) => {
      const id = typeof target === "string" ? target : target.getId();
      if (id !== scene.spreadsheet.id) throw exception("the emulator does not model triggers for another spreadsheet");
      const of = (event) => () => strict("SpreadsheetTriggerBuilder", {
        create: () => triggerOf(call("newTrigger", handler, event)),
      });
      return strict("SpreadsheetTriggerBuilder", { onEdit: of("ON_EDIT"), onChange: of("ON_CHANGE") });
    },
  });
  const ScriptApp = {
    AuthMode: strict("AuthMode", { NONE: "NONE", CUSTOM_FUNCTION: "CUSTOM_FUNCTION", LIMITED: "LIMITED", FULL: "FULL" }),
    EventType: strict("EventType", { ON_EDIT: "ON_EDIT", ON_CHANGE: "ON_CHANGE", ON_OPEN: "ON_OPEN" }),
    newTrigger: (handler) => { triggers("ScriptApp.newTrigger"); return builder(String(handler)); },
    getProjectTriggers: () => { triggers("ScriptApp.getProjectTriggers"); return call("triggers").map(triggerOf); },
    deleteTrigger: (trigger) => { triggers("ScriptApp.deleteTrigger"); call("deleteTrigger", trigger.getUniqueId()); },
  };

  const services = {
    SpreadsheetApp, UrlFetchApp, PropertiesService, LockService, Utilities, Session, console, Logger, ScriptApp,
  };
  for (const [name, members] of Object.entries(services)) globalThis[name] = strict(name, members);
  const known = new Set(Object.getOwnPropertyNames(globalThis));

  /** The event object: fields that Google leaves out are not there. */
  const event = () => {
    const { type, uid, changeType, sheet, range, value, oldValue } = scene.event;
    const made = { authMode: scene.mode, source: book(), user: user(scene.user) };
    if (uid !== undefined) made.triggerUid = uid;
    if (type === "change") made.changeType = changeType;
    if (type === "edit") {
      made.range = rangeOf(sheet, range);
      if (value !== undefined) made.value = value;
      if (oldValue !== undefined) made.oldValue = oldValue;
    }
    return made;
  };

  return {
    /** Names of the functions that the script declared. */
    functions: () => JSON.stringify(Object.getOwnPropertyNames(globalThis)
      .filter((name) => !known.has(name) && typeof globalThis[name] === "function")),
    run: (name) => {
      const handler = known.has(name) ? undefined : globalThis[name];
      if (typeof handler !== "function") throw exception(`Script function not found: ${name}`);
      if (scene.event) handler(event()); else handler();
    },
  };
})
