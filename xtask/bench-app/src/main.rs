//! The program that is supervised while `cargo xtask bench` measures. It is small, so that what is measured is the supervisor and not the start
//! of what it starts.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::UdpSocket;
use std::process::{ExitCode, exit, id};
use std::thread::{park, sleep};
use std::time::Duration;

/// Length of the number in each line that `flood` writes.
const DIGITS: usize = 10;
/// Between two lines of `tick`.
const BEAT: Duration = Duration::from_millis(5);

/// Between two lines of `hum`.
const HUM: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Err(error) = run(&words.iter().map(String::as_str).collect::<Vec<_>>()) {
        eprintln!("bench-app: {error}");
    }
    ExitCode::FAILURE
}

/// Says that it lives, does what it is told, and stays.
fn run(words: &[&str]) -> io::Result<()> {
    let unknown = || io::Error::other("it is started by `cargo xtask bench` alone");
    let number = |word: &str| word.parse().map_err(|_| unknown());
    let [mode, name, port, rest @ ..] = words else { return Err(unknown()) };
    say_hello(name, port.parse().map_err(|_| unknown())?)?;
    match (*mode, rest) {
        ("beat", []) => {}
        ("crash", []) => exit(1),
        ("flood", [lines, length]) => flood(number(lines)?, number(length)?)?,
        ("hum", []) => hum(name)?,
        ("tick", [folder]) => tick(name, folder)?,
        _ => return Err(unknown()),
    }
    loop {
        park();
    }
}

fn say_hello(name: &str, port: u16) -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.send_to(format!("{name} {}", id()).as_bytes(), ("127.0.0.1", port)).map(drop)
}

/// Writes numbered lines in chunks of 64 KiB, without formatting anything: the one who reads them is to be measured.
fn flood(lines: usize, length: usize) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut line = [vec![b'0'; DIGITS], vec![b' '; length.saturating_sub(DIGITS + 1)], vec![b'\n']].concat();
    for _ in 0..lines {
        out.write_all(&line)?;
        for digit in line[..DIGITS].iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                break;
            }
            *digit = b'0';
        }
    }
    out.flush()
}

/// Writes ten numbered lines a second, for as long as it lives.
fn hum(name: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for number in 0_u64.. {
        out.write_all(format!("{name} {} {number}\n", id()).as_bytes())?;
        sleep(HUM);
    }
    Ok(())
}

/// Writes a line now and then, and what it wrote into a file of its own too, where no supervisor can lose it. It ends when it cannot
/// write, as programs do that nobody prepared for it.
fn tick(name: &str, folder: &str) -> io::Result<()> {
    let mut kept = File::create(format!("{folder}/{name}.{}.written", id()))?;
    let mut out = io::stdout().lock();
    for number in 0_u64.. {
        let line = format!("{name} {} {number}\n", id());
        out.write_all(line.as_bytes())?;
        kept.write_all(line.as_bytes())?;
        sleep(BEAT);
    }
    Ok(())
}
