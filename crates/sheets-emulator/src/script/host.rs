//! The native side of Google's services: what `host.js` asks, by name, with JSON both ways.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, Mac as _};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::bells::Bell;
use super::fetch::{self, Ask};
use super::state::{Menu, MenuItem, Trigger, TriggerKind};
use super::{Finished, Script, Shown};
use crate::http::locked;

/// Triggers of one person in one script.
const TRIGGERS_MAX: usize = 20;
/// Bytes of one property.
const PROPERTY_BYTES_MAX: usize = 9 << 10;

type Answer = Result<Value, String>;

/// The services for one execution. What it locked is free when it is gone.
pub(super) struct Host {
    script: Arc<Script>,
    number: u64,
    end: Duration,
    seen: RefCell<Finished>,
}

impl Host {
    pub(super) fn new(script: Arc<Script>, end: Duration) -> Self {
        let number = locked(&script.state).number();
        Self { script, number, end, seen: RefCell::default() }
    }

    /// What a person can see of the execution, without secrets.
    pub(super) fn finish(&self, outcome: Result<(), String>) -> Finished {
        let mut seen = self.seen.take();
        seen.ok = outcome.is_ok();
        seen.error = outcome.err().map(|error| self.hushed(&error));
        seen
    }

    /// `{"value": ...}`, or `{"error": "..."}`, which `host.js` throws.
    pub(super) fn answer(&self, name: &str, args: &str) -> String {
        let answer = match self.call(name, args) {
            Ok(value) => json!({ "value": value }),
            Err(error) => json!({ "error": error }),
        };
        answer.to_string()
    }

    fn call(&self, name: &str, args: &str) -> Answer {
        match name {
            "alert" | "toast" => {
                self.show(name, read(args)?);
                Ok(Value::Null)
            }
            "log" => {
                let (level, text): (String, String) = read(args)?;
                self.seen.borrow_mut().logs.push(self.hushed(&format!("{level}: {text}")));
                Ok(Value::Null)
            }
            "menu" => {
                self.menu(read(args)?);
                Ok(Value::Null)
            }
            "fetch" => self.fetch(read(args)?),
            "property" => {
                let (name,): (String,) = read(args)?;
                Ok(json!(locked(&self.script.state).properties.get(&name)))
            }
            "propertyNames" => {
                Ok(json!(locked(&self.script.state).properties.keys().collect::<Vec<_>>()))
            }
            "setProperty" => self.set_property(read(args)?),
            "deleteProperty" => {
                let (name,): (String,) = read(args)?;
                self.script.change(|state| state.properties.remove(&name));
                Ok(Value::Null)
            }
            "lock" => self.lock(read(args)?),
            "hasLock" => {
                let (which,): (String,) = read(args)?;
                Ok((locked(&self.script.state).locks.get(&which) == Some(&self.number)).into())
            }
            "unlock" => {
                let (which,): (String,) = read(args)?;
                self.unlock(|name| name == which);
                Ok(Value::Null)
            }
            "hmac" => hmac(read(args)?),
            "uuid" => uuid(),
            "triggers" => Ok(json!(locked(&self.script.state).triggers)),
            "newTrigger" => self.new_trigger(read(args)?),
            "deleteTrigger" => {
                let (uid,): (String,) = read(args)?;
                self.script.change(|state| state.triggers.retain(|trigger| trigger.uid != uid));
                Ok(Value::Null)
            }
            other => Err(format!("the emulator does not model {other}")),
        }
    }

    fn hushed(&self, text: &str) -> String {
        locked(&self.script.state).hushed(text)
    }

    fn show(&self, how: &str, (first, second): (String, String)) {
        // Toasts name the text first, dialogs the title.
        let (title, text) = if how == "alert" { (first, second) } else { (second, first) };
        let shown = Shown { title: self.hushed(&title), text: self.hushed(&text) };
        let mut seen = self.seen.borrow_mut();
        if how == "alert" { &mut seen.alerts } else { &mut seen.toasts }.push(shown);
    }

    fn menu(&self, (name, items): (String, Vec<MenuItem>)) {
        self.script.change(|state| {
            state.menus.retain(|menu| menu.name != name);
            state.menus.push(Menu { name, items });
        });
    }

    fn fetch(&self, (url, ask): (String, Ask)) -> Answer {
        let ground = &self.script.ground;
        let bell = Bell::of(&self.script.id, &url, &ask.headers, ask.body());
        let ordinal = ground.bells.begin(bell, ground.clock.now());
        let left = self.end.saturating_sub(ground.clock.now());
        let answer = fetch::fetch(&url, ask, (&ground.clock, left), ground.stopped.subscribe());
        let answer = answer.map_err(|error| self.hushed(&error));
        ground.bells.end(ordinal, answer.as_ref().map(|(code, _)| *code).map_err(String::as_str));
        answer.map(|(code, text)| json!({"code": code, "text": text}))
    }

    fn set_property(&self, (name, value): (String, String)) -> Answer {
        if value.len() > PROPERTY_BYTES_MAX {
            return Err("Argument too large: value".to_owned());
        }
        self.script.change(|state| state.properties.insert(name, value));
        Ok(Value::Null)
    }

    /// Waits for a lock; an execution that has it already has it at once.
    fn lock(&self, (which, wait_ms): (String, f64)) -> Answer {
        let ground = &self.script.ground;
        let wait = Duration::try_from_secs_f64(wait_ms.max(0.0) / 1000.0).unwrap_or(Duration::MAX);
        let until = ground.clock.now().saturating_add(wait).min(self.end);
        let mut state = locked(&self.script.state);
        loop {
            let holder = *state.locks.entry(which.clone()).or_insert(self.number);
            if holder == self.number {
                return Ok(true.into());
            }
            let left = until.saturating_sub(ground.clock.now());
            if left.is_zero() || *ground.stopped.borrow() {
                return Ok(false.into());
            }
            // A clock that a test moves rings no bell here: look again now and then.
            let real = left.div_f64(ground.clock.rate()).min(Duration::from_millis(50));
            let waited = self.script.unlocked.wait_timeout(state, real);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    fn unlock(&self, which: impl Fn(&str) -> bool) {
        let mine = |name: &str, holder: u64| holder == self.number && which(name);
        locked(&self.script.state).locks.retain(|name, holder| !mine(name, *holder));
        self.script.unlocked.notify_all();
    }

    fn new_trigger(&self, (handler, event): (String, TriggerKind)) -> Answer {
        self.script.change(|state| {
            if state.triggers.len() >= TRIGGERS_MAX {
                return Err(
                    "This script has too many triggers. Triggers must be deleted from the \
                            script before more can be added."
                        .to_owned(),
                );
            }
            let known = state.code.as_ref().is_some_and(|code| code.functions.contains(&handler));
            if !known {
                return Err(format!("Script function not found: {handler}"));
            }
            let uid = format!("{:019}", 4_000_000_000_000_000_000 + state.number());
            let trigger = Trigger { uid, handler, event };
            let told = json!(trigger);
            state.triggers.push(trigger);
            Ok(told)
        })
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.unlock(|_| true);
    }
}

fn read<'a, T: Deserialize<'a>>(args: &'a str) -> Result<T, String> {
    serde_json::from_str(args).map_err(|error| format!("Invalid argument: {error}"))
}

/// The bytes as Apps Script gives them: -128 to 127.
fn hmac((value, key, charset): (String, String, String)) -> Answer {
    let bytes = |text: &str| match charset.as_str() {
        "UTF_8" => Ok(text.as_bytes().to_vec()),
        "US_ASCII" => {
            let ascii = |letter| u8::try_from(letter).ok().filter(u8::is_ascii).unwrap_or(b'?');
            Ok(text.chars().map(ascii).collect())
        }
        other => Err(format!("the emulator does not model Utilities.Charset.{other}")),
    };
    let mac = Hmac::<Sha256>::new_from_slice(&bytes(&key)?);
    let mut mac = mac.map_err(|error| error.to_string())?;
    mac.update(&bytes(&value)?);
    let signed = mac.finalize().into_bytes().into_iter().map(u8::cast_signed);
    Ok(signed.collect::<Vec<i8>>().into())
}

/// A random UUID, version 4.
fn uuid() -> Answer {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let number = u128::from_be_bytes(bytes);
    let hex = format!("{number:032x}");
    let part = |from, to| hex.get(from..to).unwrap_or_default();
    Ok(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
        .into())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn signed(value: &str, charset: &str) -> Vec<i8> {
        let answer = hmac((value.to_owned(), "Jefe".to_owned(), charset.to_owned())).unwrap();
        serde_json::from_value(answer).unwrap()
    }

    #[test]
    fn a_signature_is_that_of_rfc_4231_in_signed_bytes() {
        let bytes = signed("what do ya want for nothing?", "UTF_8");
        let mut hex = String::new();
        for byte in bytes {
            write!(hex, "{:02x}", byte.cast_unsigned()).unwrap();
        }
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn without_a_charset_letters_beyond_ascii_are_question_marks() {
        assert_eq!(signed("Möbel", "US_ASCII"), signed("M?bel", "UTF_8"));
        assert_ne!(signed("Möbel", "UTF_8"), signed("M?bel", "UTF_8"));
        assert!(hmac((String::new(), String::new(), "EBCDIC".to_owned())).is_err());
    }

    #[test]
    fn uuids_are_of_version_4_and_never_the_same() {
        let one = uuid().unwrap().as_str().unwrap().to_owned();
        assert_eq!((one.len(), one.as_bytes()[14]), (36, b'4'));
        assert_ne!(uuid().unwrap(), json!(one));
    }
}
