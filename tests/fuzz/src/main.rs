//! `cargo xtask fuzz` runs this: a hunt through one decoder, or the corpora planted anew.

use std::{env, fs, panic, path::Path, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use skep_tests_e2e::{Stopwatch, cache_folder};
use skep_tests_fuzz::{Corpus, Finding, Hunt, TARGETS, Target, plant_all};

/// Inputs between two looks at the clock.
const STRIDE: u64 = 256;

/// Seconds between two lines of progress.
const PROGRESS_S: u64 = 30;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match serve(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fuzz: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing was found.
fn serve(words: &[&str]) -> Result<bool> {
    match words {
        ["list"] => {
            TARGETS
                .iter()
                .for_each(|target| println!("{}", target.name));
            Ok(true)
        }
        ["plant"] => plant_all()
            .map(|()| true)
            .context("the corpora cannot be written"),
        ["hunt", name, seed, seconds] => hunt(name, seed.parse()?, seconds.parse()?, None),
        ["careful", name, seed, seconds] => {
            let folder = cache_folder().join("fuzz");
            fs::create_dir_all(&folder)?;
            hunt(
                name,
                seed.parse()?,
                seconds.parse()?,
                Some(&folder.join(name)),
            )
        }
        _ => bail!("list | plant | hunt NAME SEED SECONDS | careful NAME SEED SECONDS"),
    }
}

/// Hunts; with `current`, every input is written there before it is run, for one that takes the
/// process with it.
fn hunt(name: &str, seed: u64, seconds: u64, current: Option<&Path>) -> Result<bool> {
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.with_context(|| format!("there is no target {name}"))?;
    let corpus = Corpus::of(target);
    let inputs = corpus
        .inputs()
        .context("it has no corpus: run cargo xtask fuzz --plant")?;
    // The panics are what is looked for; each is told once, below.
    panic::set_hook(Box::new(|_| {}));
    let watch = Stopwatch::start();
    let mut hunt = match Hunt::new(target, inputs.into_iter().map(|(_, input)| input), seed) {
        Ok(hunt) => hunt,
        Err(finding) => return told(&corpus, &finding),
    };
    let mut progress_s = PROGRESS_S;
    while watch.elapsed() < Duration::from_secs(seconds) {
        for _ in 0..STRIDE {
            let input = hunt.next_input();
            if let Some(current) = current {
                fs::write(current, &input)?;
            }
            if let Err(finding) = hunt.try_input(input) {
                return told(&corpus, &finding);
            }
        }
        if watch.elapsed().as_secs() >= progress_s {
            progress_s += PROGRESS_S;
            eprintln!("{}", said(target, &hunt, watch));
        }
    }
    let n_kept = corpus.keep_interesting(hunt.grown())?;
    println!(
        "{}, {n_kept} of them new and kept; nothing broke",
        said(target, &hunt, watch)
    );
    Ok(true)
}

fn said(target: &Target, hunt: &Hunt<'_>, watch: Stopwatch) -> String {
    let seconds = watch.elapsed().as_secs().max(1);
    format!(
        "{}: {} inputs in {seconds} s ({} per second), {} ways",
        target.name,
        hunt.n_inputs(),
        hunt.n_inputs() / seconds,
        hunt.n_outcomes()
    )
}

fn told(corpus: &Corpus, finding: &Finding) -> Result<bool> {
    let path = corpus.keep_finding(&finding.input)?;
    println!("FOUND {}: {}", path.display(), finding.what);
    Ok(false)
}
