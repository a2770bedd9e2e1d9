use super::*;
use app::model::{AppSpec, ExecMode, WaitReady};
use proptest::prelude::*;

fn machine(change: impl FnOnce(&mut AppSpec)) -> Machine {
    let mut spec = AppSpec { name: "a".into(), ..AppSpec::default() };
    change(&mut spec);
    Machine::new(Policy::of(&spec), 0)
}

fn online(machine: &mut Machine, now: Mono) {
    assert!(machine.apply(Input::Start(Why::asked_by("ana")), now).contains(&Effect::Spawn));
    machine.apply(Input::Spawned, now);
    assert_eq!(machine.state(), State::Online);
}

fn exited(code: i32) -> Input {
    Input::Exited { ended: Ended::Code(code), leftovers: false }
}

/// For what it depends on, or for its turn.
fn waits(machine: &Machine) -> bool {
    matches!(machine.phase, Phase::Waiting { .. })
}

fn tales(effects: &[Effect]) -> Vec<(EventKind, String)> {
    let tale = |effect: &Effect| if let Effect::Tell(tale) = effect { Some((tale.kind, tale.message.clone())) } else { None };
    effects.iter().filter_map(tale).collect()
}

#[test]
fn a_crash_is_told_and_started_again_at_once() {
    let mut machine = machine(|_| {});
    online(&mut machine, 0);
    let effects = machine.apply(exited(1), 3000);
    assert_eq!(tales(&effects), [(EventKind::Exit, "restarted: crash, exit 1 after 3 s".into())]);
    assert_eq!(effects.last(), Some(&Effect::Spawn));
    assert_eq!((machine.restarts(), machine.state()), (1, State::Starting));
}

#[test]
fn a_stop_waits_kills_and_rests() {
    let mut machine = machine(|spec| spec.kill_timeout_ms = 800);
    online(&mut machine, 0);
    let effects = machine.apply(Input::Stop(Why::asked_by("ana")), 1000);
    assert!(effects.contains(&Effect::Signal) && effects.contains(&Effect::Wake(1800)));
    assert!(machine.apply(Input::Due, 1799).contains(&Effect::Wake(1800)));
    assert!(machine.apply(Input::Due, 1800).contains(&Effect::Kill));
    let effects = machine.apply(Input::Exited { ended: Ended::Signal(9), leftovers: true }, 1810);
    assert!(effects.contains(&Effect::WatchTree));
    assert_eq!(machine.state(), State::Stopping);
    machine.apply(Input::TreeGone, 1820);
    assert_eq!((machine.state(), machine.reason()), (State::Stopped, Some("stopped by ana")));
}

#[test]
fn what_a_crash_leaves_behind_is_ended_before_the_next_start() {
    let mut machine = machine(|_| {});
    online(&mut machine, 0);
    let effects = machine.apply(Input::Exited { ended: Ended::Signal(9), leftovers: true }, 5000);
    assert!(effects.contains(&Effect::Signal) && effects.contains(&Effect::WatchTree) && !effects.contains(&Effect::Spawn));
    assert!(machine.apply(Input::TreeGone, 5100).contains(&Effect::Spawn));
}

#[test]
fn a_stop_while_waiting_holds() {
    let mut machine = machine(|spec| spec.restart_delay_ms = 1200);
    online(&mut machine, 0);
    machine.apply(exited(1), 10);
    assert_eq!((machine.state(), machine.retry_at()), (State::BackingOff, Some(1210)));
    machine.apply(Input::Stop(Why::asked_by("ana")), 500);
    assert_eq!(machine.apply(Input::Due, 5000), []);
    assert_eq!(machine.state(), State::Stopped);
}

#[test]
fn one_that_leaves_finishes_first() {
    let mut machine = machine(|spec| (spec.kill_timeout_ms, spec.exec_mode) = (800, ExecMode::Cluster));
    online(&mut machine, 0);
    let effects = machine.apply(Input::Retire(Why::asked_by("ana")), 1000);
    assert!(effects.contains(&Effect::Drain) && effects.contains(&Effect::Wake(1800)) && !effects.contains(&Effect::Signal));
    assert_eq!(machine.apply(Input::Due, 1800), [Effect::Signal, Effect::Wake(2600)]);
    assert!(machine.apply(Input::Due, 2600).contains(&Effect::Kill));
    machine.apply(Input::Exited { ended: Ended::Signal(9), leftovers: false }, 2610);
    assert_eq!(machine.state(), State::Stopped);
    let mut other = self::machine(|_| {});
    online(&mut other, 0);
    assert!(other.apply(Input::Retire(Why::asked_by("ana")), 10).contains(&Effect::Signal), "it has no way to be told");
}

#[test]
fn a_start_during_a_stop_follows_it_and_a_later_stop_wins() {
    let mut machine = machine(|_| {});
    online(&mut machine, 0);
    machine.apply(Input::Stop(Why::asked_by("ana")), 10);
    machine.apply(Input::Start(Why::asked_by("bob")), 20);
    assert!(machine.is_coming());
    machine.apply(Input::Stop(Why::asked_by("eve")), 30);
    assert!(!machine.is_coming());
    assert!(!machine.apply(exited(0), 40).contains(&Effect::Spawn));
    assert_eq!(machine.state(), State::Stopped);
}

#[test]
fn schedules_and_watches_touch_only_what_runs() {
    for cause in [Cause::Cron, Cause::Watch, Cause::MemoryLimit] {
        let mut machine = machine(|_| {});
        assert_eq!(machine.apply(Input::Restart(Why::plain(cause)), 0), []);
        online(&mut machine, 0);
        machine.apply(Input::Stop(Why::asked_by("ana")), 0);
        machine.apply(Input::Restart(Why::plain(cause)), 0);
        machine.apply(exited(0), 0);
        assert_eq!(machine.state(), State::Stopped);
    }
}

#[test]
fn a_missing_program_is_news_once_and_tried_again() {
    let mut machine = machine(|_| {});
    machine.apply(Input::Start(Why::plain(Cause::Config)), 0);
    let effects = machine.apply(Input::SpawnFailed("executable not found".into()), 0);
    assert_eq!(tales(&effects).len(), 1);
    assert_eq!(machine.state(), State::BackingOff);
    assert_eq!(machine.apply(Input::Due, 1000), [Effect::Spawn]);
    assert_eq!(tales(&machine.apply(Input::SpawnFailed("executable not found".into()), 1000)), []);
    assert_eq!(machine.apply(Input::Due, 600_000), [Effect::Spawn]);
    let effects = machine.apply(Input::Spawned, 600_000);
    let [Effect::Tell(tale)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((tale.kind, &tale.why), (EventKind::Start, &Why::plain(Cause::Config)), "the reason that it was wanted for");
    assert_eq!(machine.restarts(), 0);
}

#[test]
fn what_survives_sigkill_holds_nobody_up() {
    let mut machine = machine(|_| {});
    online(&mut machine, 0);
    machine.apply(Input::Stop(Why::asked_by("ana")), 0);
    machine.apply(Input::Due, 1600);
    machine.apply(Input::Due, 6600);
    assert_eq!(machine.state(), State::Unkillable);
    assert!(machine.apply(Input::Due, 11_600).contains(&Effect::Kill));
    machine.apply(Input::Exited { ended: Ended::Signal(9), leftovers: false }, 12_000);
    assert_eq!(machine.state(), State::Stopped);
}

#[test]
fn a_process_that_went_while_nobody_looked_is_started_again() {
    let mut machine = machine(|_| {});
    let effects = machine.apply(Input::Lost { leftovers: false, told: false }, 0);
    assert!(effects.contains(&Effect::Spawn));
    let mut once = self::machine(|spec| spec.autorestart = false);
    assert!(!once.apply(Input::Lost { leftovers: false, told: false }, 0).contains(&Effect::Spawn));
    assert_eq!(once.state(), State::Stopped);
}

#[test]
fn one_that_waits_to_be_ready() {
    let mut machine = machine(|spec| (spec.wait_ready, spec.listen_timeout_ms, spec.max_restarts) = (WaitReady::Told, 500, 2));
    machine.apply(Input::Start(Why::plain(Cause::Config)), 0);
    assert!(machine.apply(Input::Spawned, 0).contains(&Effect::Wake(500)));
    assert_eq!((machine.state(), machine.is_coming()), (State::Starting, true));
    let effects = machine.apply(Input::Ready, 200);
    assert_eq!(tales(&effects), [(EventKind::Online, "is ready after 0.2 s".into())]);
    assert_eq!(machine.state(), State::Online);
    assert_eq!(machine.apply(Input::Due, 500), [], "the limit holds for the start alone");
}

#[test]
fn one_that_is_not_ready_in_time_has_failed() {
    let mut machine = machine(|spec| (spec.wait_ready, spec.listen_timeout_ms, spec.max_restarts) = (WaitReady::Told, 500, 2));
    machine.apply(Input::Start(Why::plain(Cause::Config)), 0);
    machine.apply(Input::Spawned, 0);
    let effects = machine.apply(Input::Due, 500);
    assert!(effects.contains(&Effect::Signal), "{effects:?}");
    assert_eq!(machine.apply(Input::Ready, 505), [], "it is too late");
    let effects = machine.apply(Input::Exited { ended: Ended::Code(0), leftovers: false }, 510);
    assert_eq!(tales(&effects), [(EventKind::Exit, "went down: it was not ready within 0.5 s (listen_timeout)".into())]);
    assert!(effects.contains(&Effect::Spawn));
    machine.apply(Input::Spawned, 510);
    // An end before it is ready is a failure too.
    machine.apply(exited(0), 600);
    assert_eq!(machine.state(), State::Errored);
}

#[test]
fn one_that_waits_for_others() {
    let mut machine = machine(|spec| spec.depends_on = vec!["db".into()]);
    let effects = machine.apply(Input::Start(Why::plain(Cause::Config)), 0);
    assert_eq!(effects, [Effect::AskDependencies]);
    machine.apply(Input::Dependencies(Dependencies::Resting("waits for db".into())), 0);
    assert_eq!((machine.state(), machine.reason(), machine.is_coming()), (State::Starting, Some("waits for db"), false));
    machine.apply(Input::Stop(Why::asked_by("ana")), 10);
    assert_eq!(machine.state(), State::Stopped);
    assert_eq!(machine.apply(Input::Dependencies(Dependencies::Ready), 20), [], "stopped while it waited");
    machine.apply(Input::Start(Why::asked_by("ana")), 30);
    assert_eq!(machine.apply(Input::Dependencies(Dependencies::Ready), 40), [Effect::Spawn]);
}

#[test]
fn one_of_too_many_waits_for_its_turn() {
    let mut machine = machine(|_| {});
    assert_eq!(machine.apply(Input::Start(Why::asked_by("ana")), 0), [Effect::Spawn]);
    assert_eq!(machine.apply(Input::TooMany(20), 0), [Effect::Wake(20)]);
    assert_eq!((machine.state(), machine.is_coming()), (State::Starting, true));
    assert!(!machine.waits_for_others(), "what happens to a thousand others would wake a thousand that wait for their turn");
    assert_eq!(machine.apply(Input::Due, 20), [Effect::Spawn]);
    assert_eq!(tales(&machine.apply(Input::Spawned, 20)), [(EventKind::Start, "started by ana".into())]);
    assert_eq!(machine.restarts(), 0);
    machine.apply(exited(1), 5000);
    machine.apply(Input::TooMany(5020), 5000);
    machine.apply(Input::Stop(Why::asked_by("ana")), 5010);
    assert_eq!(machine.apply(Input::Due, 5020), [], "stopped while it waited for its turn");
}

#[test]
fn an_end_that_was_told_is_not_told_again() {
    let effects = machine(|_| {}).apply(Input::Lost { leftovers: false, told: true }, 0);
    assert_eq!(effects, [Effect::Spawn]);
}

/// The world around a machine: at most one main process, a tree that may outlive it, one timer.
#[derive(Default)]
struct World {
    alive: bool,
    tree: bool,
    watching: bool,
    wake: Option<Mono>,
}

impl World {
    fn carry_out(&mut self, machine: &mut Machine, effects: Vec<Effect>, works: Works, now: Mono) {
        for effect in effects {
            match effect {
                Effect::Spawn => {
                    assert!(!self.alive && !self.tree, "a second copy was started");
                    self.alive = works == Works::Yes;
                    self.tree = self.alive;
                    let answer = match works {
                        Works::Yes => Input::Spawned,
                        Works::No => Input::SpawnFailed("no".into()),
                        Works::Later => Input::TooMany(now + 20),
                    };
                    let more = machine.apply(answer, now);
                    self.carry_out(machine, more, works, now);
                }
                Effect::AskDependencies => {
                    let answer = match now % 3 {
                        0 => Dependencies::Ready,
                        1 => Dependencies::Coming("waits".into()),
                        _ => Dependencies::Resting("waits".into()),
                    };
                    let more = machine.apply(Input::Dependencies(answer), now);
                    self.carry_out(machine, more, works, now);
                }
                Effect::Kill => assert!(self.alive || self.tree, "killed what is gone"),
                Effect::WatchTree => self.watching = true,
                Effect::Wake(at) => self.wake = Some(at),
                Effect::Drain | Effect::Signal | Effect::Tell(_) => {}
            }
        }
    }
}

/// What comes of a start.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Works {
    Yes,
    No,
    Later,
}

#[derive(Clone, Debug)]
enum Step {
    Start,
    Stop,
    Restart,
    Retire,
    Automatic,
    Die { code: i32, leftovers: bool },
    TreeGoes,
    Time(u64),
    Reset,
    Ready,
    DependenciesReady,
}

fn step() -> impl Strategy<Value = (Step, Works)> {
    let step = prop_oneof![
        2 => Just(Step::Start),
        2 => Just(Step::Stop),
        2 => Just(Step::Restart),
        1 => Just(Step::Retire),
        1 => Just(Step::Automatic),
        5 => (0..3_i32, any::<bool>()).prop_map(|(code, leftovers)| Step::Die { code, leftovers }),
        3 => Just(Step::TreeGoes),
        5 => (0..4000_u64).prop_map(Step::Time),
        1 => Just(Step::Reset),
        2 => Just(Step::Ready),
        2 => Just(Step::DependenciesReady),
    ];
    (step, prop_oneof![8 => Just(Works::Yes), 1 => Just(Works::No), 1 => Just(Works::Later)])
}

proptest! {
    // 1,000 lives of up to 1,000 steps: a million random steps in all.
    #![proptest_config(ProptestConfig { cases: 1000, max_shrink_iters: 2000, ..ProptestConfig::default() })]
    #[test]
    fn never_two_copies_never_a_lost_stop_always_an_end_to_waiting(
        steps in prop::collection::vec(step(), 1000),
        restart_delay in 0..3000_u64,
        backoff in prop_oneof![Just(0_u64), 1..500_u64],
        autorestart in any::<bool>(),
        wait_ready in any::<bool>(),
        depends in any::<bool>(),
        cluster in any::<bool>(),
    ) {
        let mut machine = machine(|spec| {
            (spec.restart_delay_ms, spec.exp_backoff_restart_delay_ms, spec.autorestart) = (restart_delay, backoff, autorestart);
            spec.max_restarts = 5;
            spec.wait_ready = if wait_ready { WaitReady::Told } else { WaitReady::No };
            spec.listen_timeout_ms = 2500;
            spec.exec_mode = if cluster { ExecMode::Cluster } else { ExecMode::Fork };
            spec.depends_on = if depends { vec!["db".into()] } else { Vec::new() };
        });
        let (mut world, mut now, mut stopped) = (World::default(), 0, false);
        for (step, works) in steps {
            let input = match step {
                Step::Start => { stopped = false; Input::Start(Why::asked_by("ana")) }
                Step::Stop => { stopped = true; Input::Stop(Why::asked_by("ana")) }
                Step::Restart => { stopped = false; Input::Restart(Why::asked_by("ana")) }
                Step::Retire => { stopped = true; Input::Retire(Why::asked_by("ana")) }
                Step::Automatic => Input::Restart(Why::plain(Cause::Cron)),
                Step::Reset => Input::Reset,
                Step::Ready => Input::Ready,
                Step::DependenciesReady => Input::Dependencies(Dependencies::Ready),
                Step::Time(ms) => {
                    now += ms;
                    if world.wake.is_none_or(|at| at > now) { continue; }
                    world.wake = None;
                    Input::Due
                }
                Step::Die { code, leftovers } => {
                    if !world.alive { continue; }
                    world.alive = false;
                    world.tree = leftovers;
                    Input::Exited { ended: Ended::Code(code), leftovers }
                }
                Step::TreeGoes => {
                    if world.alive || !world.watching { continue; }
                    world.tree = false;
                    world.watching = false;
                    Input::TreeGone
                }
            };
            let effects = machine.apply(input, now);
            world.carry_out(&mut machine, effects, works, now);
            let state = machine.state();
            let runs = state == State::Online || (state == State::Starting && !waits(&machine));
            let ends = matches!(state, State::Stopping | State::Unkillable);
            prop_assert_eq!(world.alive, runs || (ends && world.alive));
            prop_assert!(!(stopped && machine.is_coming()), "a stop was lost");
            if stopped { prop_assert!(!matches!(state, State::Online | State::BackingOff | State::Starting)); }
            if ends || state == State::BackingOff || (state == State::Starting && runs) {
                prop_assert!(world.wake.is_some_and(|at| at <= now + 60_000), "it waits for nothing");
            }
            let is_starting = (wait_ready && runs) || (waits(&machine) && (depends || world.wake.is_some()));
            prop_assert!(state != State::Starting || is_starting, "a start without an answer");
        }
        // Left alone, with a world that ends what it is told to end, every waiting comes to an end.
        for _ in 0..64 {
            if !matches!(machine.state(), State::BackingOff | State::Stopping | State::Unkillable | State::Starting) { break; }
            let input = if waits(&machine) {
                Input::Dependencies(Dependencies::Ready)
            } else if machine.state() == State::Starting {
                Input::Ready
            } else if world.alive {
                world.alive = false;
                world.tree = false;
                Input::Exited { ended: Ended::Signal(9), leftovers: false }
            } else if world.tree || world.watching {
                (world.tree, world.watching) = (false, false);
                Input::TreeGone
            } else {
                now = world.wake.take().unwrap_or(now).max(now);
                Input::Due
            };
            let effects = machine.apply(input, now);
            world.carry_out(&mut machine, effects, Works::Yes, now);
        }
        prop_assert!(matches!(machine.state(), State::Online | State::Stopped | State::Errored), "{:?} never ends", machine.state());
    }
}
