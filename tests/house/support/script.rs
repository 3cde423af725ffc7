//! The script of the repository in a spreadsheet of the emulator, as a user installs it.

use std::{collections::BTreeMap, time::Duration};

use sheets_emulator::{
    http::Emulator,
    script::{Call, Finished, ScriptState, Source},
};
use tokio::runtime::Builder;

const CODE: &str = include_str!("../../../apps-script/Code.gs");
const MANIFEST: &str = include_str!("../../../apps-script/appsscript.json");

/// Installs it with address and secret, and lets its `setup` make the triggers.
#[track_caller]
pub fn install(emulator: &Emulator, spreadsheet: &str, url: &str, secret: &str) {
    let properties = [("SHEETWIRE_URL", url), ("SHEETWIRE_SECRET", secret)];
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let source = Source {
        source: CODE.to_owned(),
        manifest: Some(MANIFEST.to_owned()),
        properties: Some(BTreeMap::from(properties)),
    };
    emulator.install_script(spreadsheet, source).unwrap();
    let call = Call { function: "setup".to_owned(), ..Call::default() };
    let done = run(emulator, spreadsheet, call);
    assert!(done.ok, "{done:?}");
}

/// Runs a function of it, as from the menu.
#[track_caller]
pub fn run(emulator: &Emulator, spreadsheet: &str, call: Call) -> Finished {
    block_on(emulator.run_script(spreadsheet, call)).unwrap()
}

/// Waits until no execution runs or waits.
#[track_caller]
pub fn wait_idle(emulator: &Emulator, spreadsheet: &str, within: Duration) -> ScriptState {
    let state = block_on(emulator.wait_script(spreadsheet, within, ScriptState::is_idle));
    state.unwrap_or_else(|| panic!("the script still runs after {within:?}"))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
