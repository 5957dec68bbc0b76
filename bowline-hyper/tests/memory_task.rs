//! A handler's future is in its task once.

#![allow(unsafe_code, reason = "an allocator that counts")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

use axum::{Router, routing::any};
use bowline::WebSocket;
use bowline_hyper::{Io, axum::WebSocketUpgrade, test};

struct Largest;

static WATCHED: AtomicUsize = AtomicUsize::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Largest {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if WATCHED.load(Ordering::Relaxed) == 1 {
            LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        }
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static HEAP: Largest = Largest;

const STATE: usize = 20_000;

async fn handler(mut ws: WebSocket<Io>) {
    let mut state = [0u8; STATE];
    while let Some(Ok(message)) = ws.next().await {
        state[message.len()] += 1;
    }
    std::hint::black_box(&state);
}

#[tokio::test]
async fn the_task_of_a_handler_is_as_large_as_its_future() {
    let app = Router::new().route(
        "/",
        any(async |upgrade: WebSocketUpgrade| {
            WATCHED.store(1, Ordering::Relaxed);
            let response = upgrade.on_upgrade(handler);
            WATCHED.store(0, Ordering::Relaxed);
            response
        }),
    );
    let _ = test::connect(app, "ws://localhost/").await.unwrap();
    let task = LARGEST.load(Ordering::Relaxed);
    assert!(task < STATE + STATE / 4, "a task of {task} bytes for a handler of {STATE}");
}
