//! One list of tasks, one owner.

use tokio::task::JoinSet;

use crate::fault::Fault;

/// Tasks by name. The first one that ends with a fault ends all.
#[derive(Debug, Default)]
pub struct Supervisor {
    tasks: JoinSet<(&'static str, Result<(), Fault>)>,
}

impl Supervisor {
    /// Nothing runs yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task. When it ends with `Ok`, its duty is done and the others go on.
    pub fn start(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), Fault>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { (name, task.await) });
    }

    /// Waits until the task called `main` has ended, or any task with a fault; then the rest is cancelled, which is safe at any point: a
    /// kill would be, too. Returns when all of them are gone.
    pub async fn wait_for(mut self, main: &str) -> Result<(), Fault> {
        let ended = self.first_end(main).await;
        self.tasks.shutdown().await;
        ended
    }

    async fn first_end(&mut self, main: &str) -> Result<(), Fault> {
        while let Some(ended) = self.tasks.join_next().await {
            match ended {
                Ok((name, Ok(()))) if name == main => return Ok(()),
                Ok((name, Ok(()))) => tracing::debug!(name, "task ended"),
                Ok((_, Err(fault))) => return Err(fault),
                Err(broken) => {
                    return Err(Fault::Configuration(format!(
                        "a task broke, please report it: {broken}"
                    )));
                }
            }
        }
        Ok(())
    }
}
