use app::model::Threshold;

use super::*;

const ROOM: Room = Room { limit: Some(500 << 20), free: 1 << 30 };

/// What is found with a reading every two seconds, for so many.
fn found(signs: &Signs, seconds: u64, reading: impl Fn(u64) -> Reading) -> Vec<Found> {
    let mut watch = Watch::default();
    let mut found = Vec::new();
    for at in (0..=seconds).step_by(2) {
        found = watch.note(&reading(at), ROOM, signs, 5_000_000 + at * 1000);
    }
    found
}

fn late(told: u64, ms: f32) -> Lag {
    Lag { told: Time(told as i64), ms }
}

fn signs(found: &[Found]) -> Vec<Sign> {
    found.iter().map(|one| one.sign).collect()
}

#[test]
fn busy_means_without_a_pause() {
    let signs_of = |seconds, cpu: fn(u64) -> f32| {
        signs(&found(&Signs::default(), seconds, |at| Reading { cpu_percent: cpu(at), ..Reading::default() }))
    };
    assert_eq!(signs_of(28, |_| 99.0), []);
    assert_eq!(signs_of(30, |_| 99.0), [Sign::Busy]);
    assert_eq!(signs_of(60, |at| if at == 40 { 20.0 } else { 99.0 }), [], "a pause begins it anew");
    assert_eq!(signs_of(300, |_| 90.0), [], "not above");
    let found = found(&Signs::default(), 44, |_| Reading { cpu_percent: 97.6, ..Reading::default() });
    assert_eq!(found[0].message, "uses 98 % of a core, and over 90 % for 44 s");
    assert_eq!(found[0].remedy, Remedy::Tell);
}

#[test]
fn what_is_not_told_for_a_while_begins_anew() {
    let lag = |at: u64| Reading { lag: (!(20..=100).contains(&at)).then_some(late(at, 900.0)), ..Reading::default() };
    assert_eq!(signs(&found(&Signs::default(), 110, lag)), []);
    assert_eq!(signs(&found(&Signs::default(), 140, lag)), [Sign::Lag]);
}

#[test]
fn one_answer_does_not_last_however_often_it_is_read() {
    let rule = Signs { lag: Some(Threshold { above: 500, for_ms: 2_000, remedy: Remedy::Tell }), ..Signs::OFF };
    let answers = |every: u64, ms: fn(u64) -> f32| {
        move |at: u64| Reading { lag: Some(late(at / every * every, ms(at / every))), ..Reading::default() }
    };
    assert_eq!(signs(&found(&rule, 8, answers(10, |_| 807.0))), []);
    assert_eq!(signs(&found(&rule, 20, answers(10, |answer| if answer == 0 { 3.0 } else { 807.0 }))), [Sign::Lag]);
    assert_eq!(signs(&found(&rule, 20, answers(10, |answer| if answer == 1 { 3.0 } else { 807.0 }))), []);
    let silent = |at: u64| Reading { lag: Some(late(0, at as f32 * 1000.0)), ..Reading::default() };
    assert_eq!(found(&rule, 6, silent)[0].message, "its event loop is 6000 ms late (99th percentile), for 4 s");
}

#[test]
fn nothing_is_looked_for_where_nothing_stands() {
    let all = Reading {
        cpu_percent: 400.0,
        files: Some(OpenFiles { pid: 7, open: 1000, limit: 1024 }),
        silent_ms: Some(u64::MAX),
        ..Reading::default()
    };
    let all = |at| Reading { lag: Some(late(at, 9000.0)), ..all };
    assert_eq!(signs(&found(&Signs::OFF, 600, all)), []);
    assert_eq!(signs(&found(&Signs::default(), 600, all)), [Sign::Busy, Sign::Lag, Sign::Files]);
    let silence = Some(Threshold { above: 60_000, for_ms: 0, remedy: Remedy::Restart });
    let found = found(&Signs { silence, ..Signs::OFF }, 2, |_| Reading { silent_ms: Some(61_000), ..Reading::default() });
    assert_eq!(found[0].message, "has written nothing for 61 s");
    assert_eq!(found[0].remedy, Remedy::Restart);
}

#[test]
fn the_kernel_s_limits() {
    let files = |open| Reading { files: Some(OpenFiles { pid: 7, open, limit: 1024 }), ..Reading::default() };
    assert_eq!(signs(&found(&Signs::default(), 20, |_| files(921))), []);
    let some = found(&Signs::default(), 20, |_| files(922));
    assert_eq!(some[0].message, "process 7 has 922 of 1024 files open that it may have");
    let zombies = |zombies| Reading { zombies, ..Reading::default() };
    assert_eq!(signs(&found(&Signs::default(), 60, |_| zombies(4))), []);
    assert_eq!(signs(&found(&Signs::default(), 60, |_| zombies(5))), [Sign::Zombies]);
}

#[test]
fn memory_near_its_limit_and_on_its_way_there() {
    let memory = |mb: f64| Reading { memory_bytes: (mb * MB) as u64, ..Reading::default() };
    assert_eq!(signs(&found(&Signs::default(), 60, |_| memory(470.0))), []);
    let near = found(&Signs::default(), 60, |_| memory(490.0));
    assert_eq!(near[0].message, "uses 490 MB of memory, and its limit is 500 MB");
    // 60 MB an hour: at 111 MB after eleven minutes, at 500 MB after six hours and a half more.
    let grows = found(&Signs::default(), 660, |at| memory(100.0 + at as f64 / 60.0));
    assert_eq!(signs(&grows), [Sign::Leak]);
    let left = grows[0].expected_ms.unwrap() as f64 / 3_600_000.0;
    assert!((left - 389.0 / 60.0).abs() < 0.1, "{left} h: {}", grows[0].message);
    assert!(grows[0].message.starts_with("its memory grows by 60 MB an hour, from 101 to 111 MB within 10 min; it reaches"));
    // 4 MB an hour reach it in a hundred hours: nobody needs to know today.
    assert_eq!(signs(&found(&Signs::default(), 3600, |at| memory(100.0 + at as f64 / 900.0))), []);
}
