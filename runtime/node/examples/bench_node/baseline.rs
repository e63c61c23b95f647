//! What one signature for each packet costs.

use skep_identity::{PrivateKey, Purpose};
use skep_node::Clock;

use crate::{Fallible, cpu, load::CONTENT_BYTES};

/// The size of every key in this program.
pub(crate) const RSA_BITS: u32 = 3072;

/// CPU time that goes into it, in seconds.
const CPU_S: f64 = 2.0;

/// What one signature for each packet costs.
pub(crate) struct Baseline {
    /// Packets signed and verified, one by one.
    pub(crate) per_cpu_second: f64,
    /// The median time of one signature on the wall clock, in microseconds.
    pub(crate) signature_us: f64,
}

impl Baseline {
    /// Signs and verifies packets one by one, on this thread.
    pub(crate) fn measure(clock: Clock) -> Fallible<Self> {
        let key = PrivateKey::generate(RSA_BITS)?;
        let packet = vec![b'x'; CONTENT_BYTES];
        let own = std::process::id();
        let (start_s, mut spent_s, mut walls_us) = (cpu::seconds(own)?, 0.0, Vec::new());
        while spent_s < CPU_S {
            let before_ns = clock.now().mono_ns;
            let signature = key.sign(Purpose::Batch, &packet)?;
            walls_us.push(micros(clock.now().mono_ns - before_ns));
            let verified = key.public().verify(Purpose::Batch, &packet, &signature);
            verified.map_err(|refusal| refusal.name())?;
            spent_s = cpu::seconds(own)? - start_s;
        }
        let n_packets = f64::from(u32::try_from(walls_us.len())?);
        Ok(Self {
            per_cpu_second: n_packets / spent_s,
            signature_us: quantile(&mut walls_us, 0.5),
        })
    }
}

/// Nanoseconds as microseconds.
pub(crate) fn micros(ns: u64) -> f64 {
    u32::try_from(ns / 100).map_or(f64::MAX, f64::from) / 10.0
}

/// The value below which `part` of all values lie; 0 for none.
pub(crate) fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = u32::try_from(values.len()).unwrap_or(u32::MAX);
    let below = (f64::from(n) * part).floor();
    let found = values
        .iter()
        .zip(0_u32..)
        .find(|(_, i)| f64::from(*i) >= below);
    found
        .or_else(|| values.last().zip(Some(0)))
        .map_or(0.0, |(value, _)| *value)
}
