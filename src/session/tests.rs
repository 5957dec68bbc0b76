use super::*;
use crate::vocabulary::Keepalive;

const SECOND: Duration = Duration::from_secs(1);

fn session(role: Role, config: Config) -> (Session, Instant) {
    // A fixed starting point; from here on the clock is arithmetic.
    let now = Instant::now();
    let mut session = Session::new(role, Phase::Open, Arc::new(config));
    session.start(now);
    (session, now)
}

fn quiet() -> Config {
    Config::new().with_keepalive(None)
}

fn is_ping(expiry: Option<Expiry>) -> bool {
    matches!(expiry, Some(Expiry::Ping))
}

#[test]
fn section_5_5_2_a_ping_after_an_interval_without_a_byte_and_the_end_without_an_answer() {
    let keepalive = Keepalive::new(30 * SECOND, 10 * SECOND);
    let (mut session, start) = session(Role::Server, Config::new().with_keepalive(Some(keepalive)));
    assert_eq!(session.next_deadline(), Some(start + 30 * SECOND));
    assert!(session.handle_timeout(start + 29 * SECOND, Input::Dry).is_none());
    assert!(is_ping(session.handle_timeout(start + 30 * SECOND, Input::Dry)));
    // Queued is not handed over: the answer's clock stands still, for send_timeout to judge.
    assert_eq!(session.next_deadline(), None);
    session.handle_ping_written(start + 40 * SECOND);
    assert!(session.judges_input());
    // It is looked at once, and at the end.
    let look = start + 40 * SECOND + 30 * SECOND / 4;
    assert_eq!(session.next_deadline(), Some(look));
    assert!(session.handle_timeout(look, Input::Dry).is_none());
    assert_eq!(session.next_deadline(), Some(start + 50 * SECOND));
    assert!(matches!(session.handle_timeout(start + 50 * SECOND, Input::Dry), Some(Expiry::End)));
    assert!(matches!(session.take_error(), Some(Error::KeepaliveTimeout)));
    assert_eq!(session.next_deadline(), None);
}

#[test]
fn section_5_5_3_any_byte_answers_a_ping() {
    let keepalive = Keepalive::new(30 * SECOND, 10 * SECOND);
    let (mut session, start) = session(Role::Client, Config::new().with_keepalive(Some(keepalive)));
    assert!(is_ping(session.handle_timeout(start + 30 * SECOND, Input::Dry)));
    session.handle_ping_written(start + 30 * SECOND);
    session.handle_input(1);
    assert!(session.handle_timeout(start + 40 * SECOND, Input::Dry).is_none());
    assert_eq!(session.next_deadline(), Some(start + 70 * SECOND));
    assert!(is_ping(session.handle_timeout(start + 70 * SECOND, Input::Dry)));
}

/// "interval to twice that" also where the time-out is longer.
#[test]
fn an_answer_is_not_waited_for_longer_than_it_takes() {
    let millis = Duration::from_millis;
    for (interval, timeout) in [(30_000, 30_000), (500, 10_000), (1, 60_000), (20_000, 5_000)] {
        for answer in [0, interval / 8, interval / 2, interval, 3 * interval + 1] {
            if answer >= timeout {
                continue;
            }
            let keepalive = Keepalive::new(millis(interval), millis(timeout));
            let config = Config::new().with_keepalive(Some(keepalive));
            let (mut session, start) = session(Role::Server, config);
            assert!(is_ping(session.handle_timeout(start + millis(interval), Input::Dry)));
            let written = start + millis(interval);
            session.handle_ping_written(written);
            let answered = written + millis(answer);
            let mut is_answered = false;
            let ping = loop {
                let deadline = session.next_deadline().expect("a watch");
                if !is_answered && deadline >= answered {
                    session.handle_input(1);
                    is_answered = true;
                }
                if is_ping(session.handle_timeout(deadline, Input::Dry)) {
                    break deadline;
                }
            };
            let silence = ping - answered;
            let shown =
                format!("{interval} and {timeout} ms, answered after {answer}: {silence:?}");
            assert!((millis(interval)..=millis(2 * interval.max(2))).contains(&silence), "{shown}");
        }
    }
}

/// Whoever comes late has missed looks, and doesn't make up for them one by one.
#[test]
fn late_looks_are_one_look() {
    for interval in [Duration::ZERO, Duration::from_nanos(1), SECOND] {
        let keepalive = Keepalive::new(interval, 60 * SECOND);
        let config = Config::new().with_keepalive(Some(keepalive));
        let (mut session, start) = session(Role::Server, config);
        assert!(is_ping(session.handle_timeout(start + interval, Input::Dry)));
        session.handle_ping_written(start + interval);
        let late = start + 30 * SECOND;
        assert!(session.handle_timeout(late, Input::Dry).is_none());
        assert!(session.next_deadline().expect("another look") > late, "{interval:?}");
    }
}

#[test]
fn input_before_the_ping_was_written_does_not_answer_it() {
    let keepalive = Keepalive::new(30 * SECOND, 10 * SECOND);
    let (mut session, start) = session(Role::Server, Config::new().with_keepalive(Some(keepalive)));
    assert!(is_ping(session.handle_timeout(start + 30 * SECOND, Input::Dry)));
    session.handle_input(1);
    session.handle_ping_written(start + 31 * SECOND);
    assert!(matches!(session.handle_timeout(start + 41 * SECOND, Input::Dry), Some(Expiry::End)));
}

#[test]
fn activity_puts_the_ping_off_by_a_whole_interval() {
    let (mut session, start) = session(Role::Server, Config::new());
    session.handle_input(1);
    assert!(session.handle_timeout(start + 30 * SECOND, Input::Dry).is_none());
    assert_eq!(session.next_deadline(), Some(start + 60 * SECOND));
    assert!(is_ping(session.handle_timeout(start + 60 * SECOND, Input::Dry)));
}

#[test]
fn a_timeout_past_the_clocks_end_is_none() {
    let forever = Some(Duration::MAX);
    let config = Config::new()
        .with_keepalive(Some(Keepalive::new(Duration::MAX, Duration::MAX)))
        .with_close_timeout(forever)
        .with_send_timeout(forever)
        .with_message_timeout(forever)
        .with_max_lifetime(forever);
    let (mut session, start) = session(Role::Client, config);
    session.handle_write_blocked(|| start);
    session.watch_message(Some(1), || start);
    session.handle_close_sent(start);
    assert_eq!(session.next_deadline(), None);
}

#[test]
fn what_is_off_has_no_deadline() {
    let config = quiet().with_close_timeout(None).with_send_timeout(None);
    let (mut session, start) = session(Role::Server, config);
    session.handle_write_blocked(|| start);
    session.handle_close_sent(start);
    session.watch_message(Some(1), || unreachable!("the clock is not read"));
    assert_eq!(session.next_deadline(), None);
}

#[test]
fn a_write_without_progress_ends_the_connection() {
    let (mut session, start) = session(Role::Client, quiet());
    session.handle_write_blocked(|| start);
    session.handle_write_blocked(|| unreachable!("measured already"));
    session.handle_write_progress();
    assert_eq!(session.next_deadline(), None);
    session.handle_write_blocked(|| start + SECOND);
    assert!(matches!(session.handle_timeout(start + 31 * SECOND, Input::Dry), Some(Expiry::End)));
    assert!(matches!(session.take_error(), Some(Error::SendTimeout)));
}

#[test]
fn section_7_1_1_the_server_shuts_down_first_and_the_client_waits() {
    for (role, step) in [(Role::Server, Step::Shutdown), (Role::Client, Step::Drain)] {
        let (mut session, start) = session(role, quiet());
        session.handle_close_sent(start);
        assert_eq!(session.phase(), Phase::CloseSent);
        session.handle_close_received(None, start + SECOND);
        assert_eq!(session.phase(), Phase::Finishing(Step::Flush));
        session.handle_close_written();
        assert_eq!(session.phase(), Phase::Finishing(step), "{role:?}");
        // The deadline runs from the first Close, and passing it with both there is no error.
        assert_eq!(session.next_deadline(), Some(start + 5 * SECOND));
        assert!(matches!(
            session.handle_timeout(start + 5 * SECOND, Input::Dry),
            Some(Expiry::End)
        ));
        assert!(session.take_error().is_none());
    }
}

#[test]
fn a_peer_that_never_answers_our_close_is_a_close_timeout() {
    let (mut session, start) = session(Role::Client, quiet());
    session.handle_close_sent(start);
    assert!(session.handle_timeout(start + 4 * SECOND, Input::Dry).is_none());
    assert!(matches!(session.handle_timeout(start + 5 * SECOND, Input::Dry), Some(Expiry::End)));
    assert!(matches!(session.take_error(), Some(Error::CloseTimeout)));
}

#[test]
fn whoever_fails_the_connection_shuts_down_and_reports_the_breach_at_the_end() {
    let (mut session, start) = session(Role::Client, quiet());
    session.handle_breach(crate::vocabulary::ProtocolError::MaskedFrame.into(), start);
    session.handle_close_written();
    assert_eq!(session.phase(), Phase::Finishing(Step::Shutdown));
    session.handle_shutdown();
    session.end(Some(Error::CloseTimeout));
    assert!(matches!(session.take_error(), Some(Error::Protocol(_))));
    assert!(session.take_error().is_none());
}

#[test]
fn draining_ends_past_a_mebibyte() {
    let (mut session, start) = session(Role::Server, quiet());
    session.handle_close_received(None, start);
    session.handle_discarded(1 << 20);
    assert_ne!(session.phase(), Phase::Ended);
    session.handle_discarded(1);
    assert_eq!(session.phase(), Phase::Ended);
}

#[test]
fn an_incomplete_message_may_rest_for_its_timeout() {
    let config = quiet().with_message_timeout(Some(30 * SECOND));
    let (mut session, start) = session(Role::Server, config);
    session.watch_message(None, || start);
    assert_eq!(session.next_deadline(), None);
    session.watch_message(Some(5), || start);
    session.watch_message(Some(6), || start + 10 * SECOND);
    // Bytes that are none of the message's don't help it.
    session.handle_input(2);
    session.watch_message(Some(6), || unreachable!("no progress, the same deadline"));
    assert_eq!(session.next_deadline(), Some(start + 40 * SECOND));
    // Those that the reader has not looked at might be: the judgement is put off.
    session.handle_input(1);
    assert!(session.handle_timeout(start + 40 * SECOND, Input::Dry).is_none());
    assert_eq!(session.next_deadline(), Some(start + 70 * SECOND));
    session.watch_message(Some(6), || unreachable!("no progress, the same deadline"));
    let expiry = session.handle_timeout(start + 70 * SECOND, Input::Dry);
    assert!(matches!(expiry, Some(Expiry::Fail(Error::Limit(LimitError::MessageTimeout)))));
}

#[test]
fn a_connection_past_its_life_goes_away() {
    let config = quiet().with_max_lifetime(Some(60 * SECOND));
    let (mut session, start) = session(Role::Server, config);
    let expiry = session.handle_timeout(start + 60 * SECOND, Input::Dry);
    assert!(matches!(expiry, Some(Expiry::Close(CloseCode::AWAY))));
    assert!(session.handle_timeout(start + 60 * SECOND, Input::Dry).is_none());
}

#[test]
fn silence_is_not_judged_while_there_is_input_to_read() {
    let keepalive = Keepalive::new(30 * SECOND, 10 * SECOND);
    let config = Config::new().with_keepalive(Some(keepalive)).with_max_lifetime(Some(50 * SECOND));
    let (mut session, start) = session(Role::Server, config);
    assert!(session.handle_timeout(start + 30 * SECOND, Input::Unread).is_none());
    assert!(is_ping(session.handle_timeout(start + 30 * SECOND, Input::Dry)));
    session.handle_ping_written(start + 30 * SECOND);
    assert!(session.handle_timeout(start + 45 * SECOND, Input::Unread).is_none());
    // What input has no say in is judged all the same.
    let expiry = session.handle_timeout(start + 50 * SECOND, Input::Unread);
    assert!(matches!(expiry, Some(Expiry::Close(CloseCode::AWAY))));
}
