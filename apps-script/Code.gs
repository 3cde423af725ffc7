/**
 * The doorbell of sheetwire: it tells where something changed, never what. sheetwire reads the cells itself,
 * and looks through the whole sheet from time to time, so that a lost ring costs minutes and no data.
 *
 * Address and secret are script properties (SHEETWIRE_URL, SHEETWIRE_SECRET): README.md says how to set them.
 */

/** The menu, for everybody who opens the spreadsheet. */
function onOpen() {
  SpreadsheetApp.getUi()
    .createMenu('sheetwire')
    .addItem('Sync now', 'syncNow')
    .addItem('Is this up to date?', 'isUpToDate')
    .addItem('Explain this cell', 'explainCell')
    .addItem('Show conflicts', 'showConflicts')
    .addItem('Revert this cell', 'revertCell')
    .addToUi();
}

/** Run once, from the editor: installs the triggers in the name of whoever runs it. Running it again does no harm. */
function setup() {
  settings_();
  const handlers = ['tellEdit', 'tellChange'];
  ScriptApp.getProjectTriggers()
    .filter((trigger) => handlers.includes(trigger.getHandlerFunction()))
    .forEach((trigger) => ScriptApp.deleteTrigger(trigger));
  const book = SpreadsheetApp.getActive();
  ScriptApp.newTrigger('tellEdit').forSpreadsheet(book).onEdit().create();
  ScriptApp.newTrigger('tellChange').forSpreadsheet(book).onChange().create();
}

// ---- the menu: each item shows one sentence

function syncNow() { show_('ring', 'menu'); }
function isUpToDate() { show_('status', 'menu'); }
function explainCell() { show_('explain', 'menu'); }
function showConflicts() { show_('status', 'conflicts'); }
function revertCell() { show_('revert', 'menu'); }

function show_(verb, kind) {
  const ui = SpreadsheetApp.getUi();
  try {
    const cell = SpreadsheetApp.getCurrentCell();
    ui.alert(ask_(verb, kind, cell.getSheet(), cell, Session.getActiveUser()));
  } catch (error) {
    ui.alert(error.message);
  }
}

// ---- the triggers: nobody is there to read a sentence

function tellEdit(e) {
  ring_('edit', e.range.getSheet(), e.range, e.user);
}

function tellChange(e) {
  // An edit is told by tellEdit, with its range; a format holds no value.
  if (e.changeType === 'EDIT' || e.changeType === 'FORMAT') return;
  ring_(e.changeType, e.source.getActiveSheet(), null, e.user);
}

function ring_(kind, sheet, range, user) {
  try {
    // One at a time, so that rings arrive in order. Whoever waits this long is left to the next look through the sheet.
    const lock = LockService.getDocumentLock();
    if (!lock.tryLock(10000)) return;
    try {
      ask_('ring', kind, sheet, range, user);
    } finally {
      lock.releaseLock();
    }
  } catch (error) {
    // Thrown on, it would become a daily e-mail about something that the next look mends.
    console.warn(error.message);
  }
}

// ---- the wire

/** Asks sheetwire, and returns its sentence; throws one where there is none. */
function ask_(verb, kind, sheet, range, user) {
  const { url, secret } = settings_();
  const now = Date.now();
  const body = JSON.stringify({
    verb,
    spreadsheet: SpreadsheetApp.getActive().getId(),
    sheet: sheet.getSheetId(),
    tab: sheet.getName(),
    range: range ? range.getA1Notation() : null,
    kind,
    at: now,
    user: (user && user.getEmail()) || null,
  });
  const stamp = String(Math.floor(now / 1000));
  const edit = Utilities.getUuid();
  const response = fetch_(url, {
    method: 'post',
    contentType: 'application/json',
    payload: body,
    headers: {
      'X-Sheetwire-Timestamp': stamp,
      'X-Sheetwire-Edit': edit,
      'X-Sheetwire-Signature': `v1=${sign_(`${stamp}.${edit}.${body}`, secret)}`,
    },
    followRedirects: false,
    muteHttpExceptions: true,
  });
  const code = response.getResponseCode();
  try {
    const { message } = JSON.parse(response.getContentText());
    if (typeof message === 'string' && message !== '') return message;
  } catch (notJson) {
    // Said below.
  }
  throw new Error(`Something other than sheetwire answered (${code}). Is it running, and is SHEETWIRE_URL its address?`);
}

function fetch_(url, request) {
  try {
    return UrlFetchApp.fetch(url, request);
  } catch (error) {
    throw new Error(`sheetwire was not reached; it finds your changes when it next looks through the sheet (${error.message}).`);
  }
}

/** HMAC-SHA256 in hex. Without the charset, Google signs every letter beyond ASCII as a question mark. */
function sign_(text, secret) {
  return Utilities.computeHmacSha256Signature(text, secret, Utilities.Charset.UTF_8)
    .map((byte) => (byte & 0xff).toString(16).padStart(2, '0'))
    .join('');
}

function settings_() {
  const properties = PropertiesService.getScriptProperties();
  const url = properties.getProperty('SHEETWIRE_URL');
  const secret = properties.getProperty('SHEETWIRE_SECRET');
  if (!url || !secret) {
    throw new Error('sheetwire is not set up: add the script properties SHEETWIRE_URL and SHEETWIRE_SECRET.');
  }
  return { url, secret };
}
