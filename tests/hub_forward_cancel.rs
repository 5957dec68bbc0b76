//! `Subscription::forward` by hand, on a transport that follows a script: dropped at every poll nothing is
//! lost and nothing is sent twice; what it flushes, and what it is woken for.

#[path = "support/hub.rs"]
mod hub;
#[path = "support/io.rs"]
mod io;

use std::{
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bowline::{
    Config, Error, Prepared, Reader, Role, Writer,
    hub::{Hub, Policy, Subscription},
};
use hub::message;
use io::{Pace, ROLES, Script, Wakes, finish, frame, poll_times, run, untimed, websocket, wire};

/// After how many polls a future is dropped.
const POLLS: [usize; 6] = [1, 2, 3, 5, 8, 13];

fn halves(role: Role, io: &Script, config: Config) -> (Reader<Script>, Writer<Script>) {
    websocket(role, io.clone(), config).split()
}

/// Forwards in futures that are each dropped after so many polls.
fn insist(
    subscription: &mut Subscription,
    writer: &mut Writer<Script>,
    polls: usize,
) -> Result<(), Error> {
    for _ in 0..100_000 {
        if let Poll::Ready(result) = poll_times(pin!(subscription.forward(writer)), polls) {
            return result;
        }
    }
    panic!("never ready");
}

/// Small ones, empty ones, and some that go out by reference.
fn lens() -> impl Iterator<Item = usize> {
    (0..12).map(|n| [0, 3, 126, 5000][n % 4] + n)
}

fn frames(lens: impl Iterator<Item = usize>) -> Vec<u8> {
    lens.flat_map(|len| frame(0x82, &vec![7; len])).collect()
}

#[test]
fn forward_dropped_at_every_poll_loses_nothing_and_sends_nothing_twice() {
    for (role, polls) in ROLES.into_iter().flat_map(|role| POLLS.map(|polls| (role, polls))) {
        let io = Script::of([]).pace(Pace::Halting);
        let (_reader, mut writer) = halves(role, &io, untimed().with_high_water(1));
        let hub = Hub::new();
        let mut subscription = hub.subscribe("tides", Policy::drop_newest(100));
        for len in lens() {
            assert_eq!(hub.publish("tides", &message(len)).queued, 1);
            // Whatever the transport has come to.
            let _ = poll_times(pin!(subscription.forward(&mut writer)), polls);
        }
        drop(hub);
        insist(&mut subscription, &mut writer, polls).expect("the hub's end is no error");
        assert!(io.written() == wire(role, &frames(lens())), "{role:?}, {polls} polls");
    }
}

/// What a dropped one had not fed is there for `next`.
#[test]
fn what_is_not_with_the_connection_is_still_in_the_queue() {
    for role in ROLES {
        let io = Script::of([]).room(0);
        let (_reader, mut writer) = halves(role, &io, untimed().with_high_water(8));
        let hub = Hub::new();
        let mut subscription = hub.subscribe("tides", Policy::drop_newest(100));
        (0..10).for_each(|n| assert_eq!(hub.publish("tides", &message(n)).queued, 1));
        assert!(run(subscription.forward(&mut writer)).is_pending());
        let rest = hub::drain(&mut subscription);
        assert!(!rest.is_empty() && rest.len() < 10, "{rest:?}");
        let fed = 10 - rest.len();
        assert!(rest.into_iter().eq(fed..10), "{role:?}");
        io.make_room(None);
        finish(writer.flush()).expect("open");
        assert!(run(subscription.forward(&mut writer)).is_pending());
        assert_eq!(io.written(), wire(role, &frames(0..fed)), "{role:?}, and nothing twice");
    }
}

/// Nobody else is there to write.
#[test]
fn it_flushes_when_its_queue_is_empty_and_not_before() {
    for role in ROLES {
        let io = Script::of([]);
        let (_reader, mut writer) = halves(role, &io, untimed());
        let hub = Hub::new();
        let mut subscription = hub.subscribe("tides", Policy::drop_newest(100));
        for round in 1..4 {
            (0..10).for_each(|n| assert_eq!(hub.publish("tides", &message(n)).queued, 1));
            assert!(run(subscription.forward(&mut writer)).is_pending());
            let burst = wire(role, &frames(0..10));
            assert_eq!(io.written(), burst.repeat(round), "{role:?}");
            assert_eq!(io.record().writes.len(), round, "one write for all of them");
        }
    }
}

/// What another, or the future before, has fed, too; and the hub's end waits for it.
#[test]
fn its_end_is_when_all_is_written() {
    let io = Script::of([]).room(2);
    let (_reader, mut writer) = halves(Role::Server, &io, untimed());
    let hub = Hub::new();
    let mut subscription = hub.subscribe("tides", Policy::drop_newest(100));
    hub.publish("tides", &message(5));
    drop(hub);
    assert!(run(subscription.forward(&mut writer)).is_pending());
    assert!(run(subscription.forward(&mut writer)).is_pending());
    io.make_room(None);
    finish(subscription.forward(&mut writer)).expect("the hub's end is no error");
    assert_eq!(io.written(), frame(0x82, &[7; 5]));
    finish(subscription.forward(&mut writer)).expect("and once more");
}

fn poll(future: Pin<&mut impl Future<Output = Result<(), Error>>>, waker: &Waker) -> bool {
    future.poll(&mut Context::from_waker(waker)).is_pending()
}

#[test]
fn it_is_woken_for_messages_while_it_has_none_and_for_room_while_it_has() {
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    let io = Script::of([]);
    let (_reader, mut writer) = halves(Role::Server, &io, untimed().with_high_water(1));
    let hub = Hub::new();
    let mut subscription = hub.subscribe("tides", Policy::disconnect(3, 4321, "slow"));
    let mut forwarding = pin!(subscription.forward(&mut writer));
    assert!(poll(forwarding.as_mut(), &waker));
    hub.publish("tides", &message(1));
    assert_eq!(wakes.count(), 1, "a message");
    assert!(poll(forwarding.as_mut(), &waker));
    assert_eq!(io.written(), frame(0x82, &[7; 1]));
    io.make_room(Some(0));
    hub.publish("tides", &message(2));
    assert_eq!(wakes.count(), 2, "another");
    assert!(poll(forwarding.as_mut(), &waker));
    hub.publish("tides", &message(3));
    assert_eq!(wakes.count(), 3, "the queue was empty");
    // From here on there is something that waits for room.
    assert!(poll(forwarding.as_mut(), &waker));
    hub.publish("tides", &message(4));
    hub.publish("tides", &message(5));
    assert_eq!(wakes.count(), 3, "not for what comes behind it");
    hub.publish("tides", &message(6));
    assert_eq!(wakes.count(), 4, "cut off");
    assert!(poll(forwarding.as_mut(), &waker));
    io.make_room(None);
    assert!(wakes.count() > 4, "room");
    assert!(!poll(forwarding.as_mut(), &waker));
    // The one that had been fed, and the Close at once behind it.
    let written = [frame(0x82, &[7; 1]), frame(0x82, &[7; 2]), frame(0x88, b"\x10\xe1slow")];
    assert_eq!(io.written(), written.concat());
}

/// A transport that always takes: others get their turn all the same.
#[test]
fn it_rests_now_and_then() {
    let io = Script::of([]);
    let (_reader, mut writer) = halves(Role::Server, &io, untimed().with_high_water(1));
    let hub = Hub::new();
    let mut subscription = hub.subscribe("tides", Policy::drop_newest(2000));
    let news = Prepared::new("tides").expect("no Close");
    (0..2000).for_each(|_| assert_eq!(hub.publish("tides", &news).queued, 1));
    let mut forwarding = pin!(subscription.forward(&mut writer));
    assert!(poll_times(forwarding.as_mut(), 2).is_pending());
    let some = io.written().len() / 7;
    assert!((100..1000).contains(&some), "{some}");
    assert!(poll_times(forwarding.as_mut(), usize::MAX).is_pending());
    assert_eq!(io.written().len(), 2000 * 7);
}
