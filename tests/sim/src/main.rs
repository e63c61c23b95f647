//! `cargo xtask sim` runs this: one seed aloud, many seeds, or gossip alone in a large swarm.

use std::{
    env,
    io::{self, BufWriter, Write},
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use skep_tests_sim::{Scenario, measure_gossip, measure_lookup, run, run_aloud};

/// Seeds between two lines of progress.
const PROGRESS_SEEDS: u64 = 500;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().ok();
    let is_good = match words.as_slice() {
        ["seed", seed] => number(seed).map(one),
        ["seeds", first, n_seeds] => number(first)
            .zip(number(n_seeds))
            .map(|(first, n)| many(first, n)),
        ["papers"] => Some(skep_tests_sim::write_papers().is_ok()),
        ["gossip", n_nodes] => number(n_nodes).map(gossip),
        ["lookup"] => Some(lookup()),
        _ => None,
    };
    match is_good {
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
        None => {
            eprintln!("seed N | seeds FIRST N | gossip NODES | lookup | papers");
            ExitCode::from(2)
        }
    }
}

/// One seed, with a line for everything that happens.
fn one(seed: u64) -> bool {
    let mut out = BufWriter::new(io::stdout());
    let tell = move |line: &str| {
        // A reader who has seen enough closes the pipe.
        if writeln!(out, "{line}").is_err() {
            std::process::exit(0);
        }
    };
    let outcome = run_aloud(seed, Scenario::of(seed), tell);
    match &outcome {
        Ok(report) => println!("seed {seed}: {report:?}"),
        Err(violation) => println!("seed {seed}: BROKEN {violation}"),
    }
    outcome.is_ok()
}

/// Seeds beside each other on all cores; every failure with the command that replays it.
fn many(first: u64, n_seeds: u64) -> bool {
    let (next, n_broken) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        loop {
            let done = next.fetch_add(1, Ordering::Relaxed);
            if done >= n_seeds {
                return;
            }
            let seed = first + done;
            if let Err(violation) = run(seed, Scenario::of(seed)) {
                n_broken.fetch_add(1, Ordering::Relaxed);
                println!("seed {seed}: {violation}\n   replay it: cargo xtask sim {seed}");
            }
            if (done + 1).is_multiple_of(PROGRESS_SEEDS) {
                eprintln!("{} of {n_seeds} seeds", done + 1);
            }
        }
    };
    let n_threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(work);
        }
    });
    let n_broken = n_broken.into_inner();
    println!("seeds: {} held, {n_broken} broken", n_seeds - n_broken);
    n_broken == 0
}

fn gossip(n_nodes: u64) -> bool {
    let n_nodes = usize::try_from(n_nodes).unwrap_or(usize::MAX);
    let report = measure_gossip(1, n_nodes, Duration::from_secs(20));
    println!("{report}");
    report.is_within_bounds()
}

/// Nodes among which roles are looked up.
const LOOKUP_NODES: usize = 1000;

fn lookup() -> bool {
    let report = measure_lookup(LOOKUP_NODES);
    println!("{}", report.line());
    report.is_within_bounds()
}
