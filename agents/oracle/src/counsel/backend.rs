//! A model with what guards it: turns, a breaker, and the one way to make a request to it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{
    config::{ModelConfig, Speaks},
    model::{
        Form, Model,
        breaker::Breaker,
        budget::{Budget, Spent, Terms},
        question::{Material, Question, question},
    },
};

/// A model with what guards it.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) model: Model,
    /// Signs its reports.
    pub(crate) name: String,
    /// Turns to ask it.
    pub(crate) turns: Semaphore,
    breaker: Mutex<Breaker>,
}

/// A request, as it leaves the host.
#[derive(Debug, Clone)]
pub(crate) struct Outbound {
    pub(crate) question: Question,
    pub(crate) form: Form,
    pub(crate) body: Vec<u8>,
}

impl Backend {
    pub(crate) fn new(speaks: Speaks, config: ModelConfig) -> Result<Self, String> {
        let turns = Semaphore::new(config.concurrent.max(1));
        let model = Model::new(speaks, config)?;
        Ok(Self {
            name: model.name(),
            model,
            turns,
            breaker: Mutex::default(),
        })
    }

    /// The request about a digest: what is sent, and what a preview shows.
    pub(crate) fn request(&self, material: Material<'_>) -> Outbound {
        let question = question(material, self.model.question_bytes());
        let form = self.model.form();
        let body = self.model.body(&question, form);
        Outbound {
            question,
            form,
            body,
        }
    }

    pub(crate) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Within what it is asked.
    pub(crate) fn terms(&self, whole: Budget) -> Terms<'_> {
        Terms {
            backend: &self.name,
            own: self.model.config.budget,
            whole,
            price: self.model.config.price,
        }
    }

    /// What is shown of it.
    pub(crate) fn state(&self, spent: Spent) -> Value {
        json!({
            "name": self.name,
            "breaker": self.breaker().word(),
            "tokens_today": spent.tokens,
            "cost_today_micros": spent.micros,
        })
    }
}
