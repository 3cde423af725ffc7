//! From events to executions: which triggers hear of them, how many wait, and the thread that works them off.

use std::sync::Arc;
use std::time::Duration;

use super::scene::Mode;
use super::state::{NextFiring, Outcome, Run, TriggerKind};
use super::{Finished, Script, Selection, engine};
use crate::http::locked;
use crate::model::event::Event;

/// Firings of one trigger that may wait behind the one that runs. Google says it of `onEdit`; it is assumed of all.
const WAITING_MAX: usize = 2;

/// An event on its way to one handler.
#[derive(Debug, Clone)]
pub(super) struct Shot {
    run: u64,
    handler: String,
    /// None for the simple trigger `onEdit`.
    uid: Option<String>,
    event: Event,
    user: String,
}

impl Script {
    /// Hands events to the triggers that listen, and returns at once.
    pub(crate) fn fire(self: &Arc<Self>, events: &[Event]) {
        let at = self.ground.clock.now();
        let start = self.change(|state| {
            let simple =
                state.code.as_ref().is_some_and(|it| it.functions.iter().any(|f| f == "onEdit"));
            for event in events {
                let (kind, by) = match event {
                    Event::Edit { .. } => (TriggerKind::OnEdit, "edit"),
                    Event::Change { .. } => (TriggerKind::OnChange, "change"),
                };
                let installed =
                    state.triggers.iter().filter(|it| it.event == kind && state.firing.on);
                let mut handlers: Vec<(Option<String>, String)> =
                    installed.map(|it| (Some(it.uid.clone()), it.handler.clone())).collect();
                if simple && kind == TriggerKind::OnEdit {
                    handlers.insert(0, (None, "onEdit".to_owned()));
                }
                for (uid, handler) in handlers {
                    let times = match state.firing.next.take() {
                        None => 1,
                        Some(NextFiring::Double) => 2,
                        Some(NextFiring::Drop) => {
                            state.begin(Run::new(&handler, by, at, Outcome::Lost));
                            0
                        }
                    };
                    for _ in 0..times {
                        let waiting = state.waiting.iter().filter(|shot| shot.uid == uid).count();
                        if waiting >= WAITING_MAX {
                            state.begin(Run::new(&handler, by, at, Outcome::Dropped));
                            continue;
                        }
                        let run = state.begin(Run::new(&handler, by, at, Outcome::Waiting));
                        let (uid, handler) = (uid.clone(), handler.clone());
                        let (event, user) = (event.clone(), state.user.clone());
                        state.waiting.push_back(Shot { run, handler, uid, event, user });
                    }
                }
            }
            let start = !state.waiting.is_empty() && !state.working;
            state.working |= start;
            start
        });
        if start {
            self.start();
        }
    }

    fn start(self: &Arc<Self>) {
        let script = Arc::clone(self);
        if self.on_a_thread(move || script.work()).is_err() {
            // No thread to be had: the firings are lost, as Google's would be.
            self.change(|state| {
                state.working = false;
                while let Some(shot) = state.waiting.pop_front() {
                    state.mark(shot.run, Outcome::Lost);
                }
            });
        }
    }

    fn work(self: &Arc<Self>) {
        loop {
            let stopped = *self.ground.stopped.borrow();
            let began = self.ground.clock.now();
            let shot = self.change(|state| {
                let shot = if stopped { None } else { state.waiting.pop_front() };
                match &shot {
                    Some(shot) => state.mark(shot.run, Outcome::Running),
                    None => state.working = false,
                }
                shot
            });
            let Some(shot) = shot else { return };
            let finished = self.shoot(&shot, began);
            self.change(|state| state.end(shot.run, &finished));
        }
    }

    fn shoot(self: &Arc<Self>, shot: &Shot, began: Duration) -> Finished {
        let failed = |error| Finished { error: Some(error), ..Finished::default() };
        let Some(code) = locked(&self.state).code.clone() else {
            return failed("the script is gone".to_owned());
        };
        let mode = Mode::Event { event: &shot.event, uid: shot.uid.as_deref() };
        match self.scene(&code, mode, &Selection::default(), &shot.user) {
            Ok(scene) => engine::run(self, &code, &scene, (Some(&shot.handler), began)).0,
            Err(error) => failed(error.to_string()),
        }
    }
}
