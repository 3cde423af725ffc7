//! Behind the webhook: bells and questions on their way to the control loop.

use sheetwire_engine::door::Bell;
use tokio::sync::{mpsc, oneshot};

use crate::{
    flow::{bells::Bells, control::Question, socket::Waiting},
    ports::{Ask, Frontdesk, Said, SheetQuestion},
};

/// Where the webhook rings and asks.
#[derive(Debug)]
pub struct Front {
    bells: Bells,
    questions: mpsc::Sender<Question>,
    waiting: Waiting,
}

impl Front {
    /// To a control loop that hears these bells and takes these questions; `waiting` says what is waited for before there is one.
    pub fn new(bells: Bells, questions: mpsc::Sender<Question>, waiting: Waiting) -> Self {
        Self { bells, questions, waiting }
    }
}

impl Frontdesk for Front {
    fn ring(&self, bell: Bell) {
        self.bells.ring(bell);
    }

    fn ask(&self, question: SheetQuestion) -> Ask<'_, Option<Said>> {
        Box::pin(async move {
            if self.waiting.borrow().is_some() {
                return None;
            }
            let (asker, reply) = oneshot::channel();
            self.questions.send(Question::Sheet(question, asker)).await.ok()?;
            reply.await.ok()
        })
    }
}
