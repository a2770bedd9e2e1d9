//! How much room a value takes. What is stored of an app are two values at each tick, of the host three.

use super::*;
use crate::history::level::Level;
use crate::history::sample::Series;
use crate::history::{AppSample, HostSample, Tick, database};

const APPS: u64 = 10;

/// Writes so many ticks of ten apps, which end about now. What they measure wanders and is never quite still.
fn measure(bench: &mut Bench, ticks: i64, every_ms: i64, flush_every: i64) {
    let start = now().ms() / 60_000 * 60_000 - ticks * every_ms;
    let mut seed = 88_172_645_463_325_252_u64;
    let mut noise = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let mut memory = [80_u64 << 20; APPS as usize];
    for n in 0..ticks {
        let mut app = |number: usize, memory: &mut u64| {
            // Pages of 4 KiB come and go; each app has its own load, with a fifth of it as noise.
            *memory = (*memory + 4096 * noise(129)).saturating_sub(4096 * noise(129)).max(8 << 20);
            let load = (number as u64 + 1) * 300;
            AppSample {
                app: format!("app-{number}").into(),
                cpu_percent: (load + noise(load / 5)) as f32 / 100.0,
                memory_bytes: *memory,
                figures: Vec::new(),
            }
        };
        let apps = memory.iter_mut().enumerate().map(|(number, memory)| app(number, memory)).collect();
        let percent = |steady: u64, noise: u64| (steady + noise) as f32 / 100.0;
        let host = HostSample {
            cpu_percent: percent(3000, noise(900)),
            memory_percent: percent(6000, noise(40)),
            disk_percent: percent(4200, n as u64 / 2000),
        };
        let late = noise(8) as i64;
        lock(&bench.writer.shared.recent).add_tick(&Tick { time: Time(start + n * every_ms + late), apps, host });
        if n % flush_every == flush_every - 1 {
            bench.writer.flush();
        }
    }
    bench.writer.write(i64::MAX);
}

/// Bytes for each value, with all that SQLite adds and all that was summed up.
fn bytes_a_value(bench: &Bench, ticks: u64) -> f64 {
    let bytes = retention::used_bytes(bench.connection()).unwrap();
    let each = bytes as f64 / (ticks * (APPS * 2 + 3)) as f64;
    println!("{bytes} bytes, {each:.2} for each value");
    each
}

#[test]
fn two_hours_at_two_seconds_are_small_and_complete() {
    let mut bench = Bench::new(Settings::default());
    measure(&mut bench, 3600, 2000, 5);
    let each = bytes_a_value(&bench, 3600);
    assert!(each < 6.0, "{each:.2}");
    let id = database::find(bench.connection(), &Series::App("app-3".into())).unwrap().unwrap();
    let minutes = Level::Minutes.read(bench.connection(), id, 0..i64::MAX).unwrap();
    assert_eq!((minutes.len(), minutes.iter().map(|minute| minute.count).sum::<u32>()), (120, 3600));
}

#[test]
fn a_day_at_five_seconds_takes_at_most_eight_bytes_a_value() {
    let mut bench = Bench::new(Settings { samples_kept: DAY * 2, ..Settings::default() });
    measure(&mut bench, 17_280, 5000, 6);
    let each = bytes_a_value(&bench, 17_280);
    assert!(each <= 8.0, "{each:.2}");
    let id = database::find(bench.connection(), &Series::App("app-3".into())).unwrap().unwrap();
    let hours = Level::Hours.read(bench.connection(), id, 0..i64::MAX).unwrap();
    assert!((23..=24).contains(&hours.len()), "hours are in it: {}", hours.len());
}
