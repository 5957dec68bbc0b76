//! The topics that have subscribers, by name.
//!
//! Locks are taken in this order: the list, a topic, a queue. Of two topics one is never locked under the
//! other, nor of two queues.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    budget::Budget,
    policy::Policy,
    queue::Queue,
    report::Report,
    topic::{Left, Topic},
};
use crate::message::Prepared;

type List = HashMap<Arc<str>, Arc<Topic>>;

/// How many names the list may have kept room for before it gives some back.
const KEPT: usize = 64;

#[derive(Debug)]
pub(super) struct Topics {
    list: Mutex<List>,
    budget: Arc<Budget>,
}

impl Topics {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self { list: Mutex::default(), budget }
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// A queue for one more subscriber of this topic.
    pub(super) fn join(&self, name: &str, policy: Policy) -> (Arc<Queue>, Arc<Topic>) {
        let queue = Arc::new(Queue::new(policy));
        loop {
            let topic = self.find_or_add(name);
            // Gone is a topic whose last subscriber left in between.
            if topic.join(&queue) {
                return (queue, topic);
            }
        }
    }

    pub(super) fn publish(&self, name: &str, message: &Prepared) -> Report {
        let Some(topic) = self.find(name) else { return Report::default() };
        let (report, left) = topic.publish(message, &self.budget);
        if left == Left::Nobody {
            self.remove(&topic);
        }
        report
    }

    pub(super) fn subscribers(&self, name: &str) -> usize {
        self.find(name).map_or(0, |topic| topic.len())
    }

    /// Takes a subscriber out, and with the last the topic.
    pub(super) fn leave(&self, topic: &Arc<Topic>, queue: &Queue) {
        if topic.leave(queue) == Left::Nobody {
            self.remove(topic);
        }
    }

    /// The hub is gone: what is queued is the last.
    pub(super) fn end(&self) {
        let topics: Vec<_> = self.lock().values().cloned().collect();
        topics.iter().for_each(|topic| topic.end());
    }

    /// Takes a topic without subscribers out of the list, unless one has come or it is out.
    fn remove(&self, topic: &Arc<Topic>) {
        let mut list = self.lock();
        let is_listed = list.get(topic.name()).is_some_and(|listed| Arc::ptr_eq(listed, topic));
        if !is_listed || topic.remove() == Left::Some {
            return;
        }
        list.remove(topic.name());
        if list.capacity() > KEPT && list.len() < list.capacity() / 4 {
            let most = list.len() * 2;
            list.shrink_to(most);
        }
    }

    fn find(&self, name: &str) -> Option<Arc<Topic>> {
        self.lock().get(name).cloned()
    }

    fn find_or_add(&self, name: &str) -> Arc<Topic> {
        let mut list = self.lock();
        if let Some(topic) = list.get(name) {
            return topic.clone();
        }
        let topic = Arc::new(Topic::new(name));
        list.insert(topic.name().clone(), topic.clone());
        topic
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        // Nothing under this lock can panic halfway.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
