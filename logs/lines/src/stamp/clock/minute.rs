//! The last minute of stamps of one form: most lines were written in the same one.

use crate::scan;

/// `+00:00`, ` -0700`.
const ZONE_BYTES_MAX: usize = 6;

/// A minute as written: the `HEAD` bytes in front of its seconds, and the zone behind them.
#[derive(Debug, Clone)]
pub(super) struct Minute<const HEAD: usize> {
    head: [u8; HEAD],
    zone: [u8; ZONE_BYTES_MAX],
    zone_bytes: usize,
    /// Its moment; none if nothing is remembered.
    unix_ns: Option<i64>,
}

impl<const HEAD: usize> Default for Minute<HEAD> {
    fn default() -> Self {
        Self {
            head: [0; HEAD],
            zone: [0; ZONE_BYTES_MAX],
            zone_bytes: 0,
            unix_ns: None,
        }
    }
}

impl<const HEAD: usize> Minute<HEAD> {
    /// The moment of a stamp of the same minute and zone.
    #[inline]
    pub(super) fn same(&self, bytes: &[u8]) -> Option<i64> {
        let minute_ns = self.unix_ns?;
        let (head, seconds) = bytes.split_first_chunk::<HEAD>()?;
        if *head != self.head {
            return None;
        }
        let second = scan::two_digits(seconds, 0).filter(|second| *second < 60)?;
        if seconds.len() == 2 && self.zone_bytes == 0 {
            return Some(minute_ns + i64::from(second) * 1_000_000_000);
        }
        let (nanos, zone) = fraction(&seconds[2..])?;
        let is_same = zone.len() == self.zone_bytes
            && zone
                .iter()
                .zip(&self.zone)
                .all(|(byte, known)| byte == known);
        is_same.then(|| minute_ns + i64::from(second) * 1_000_000_000 + i64::from(nanos))
    }

    pub(super) fn remember(&mut self, bytes: &[u8], minute_ns: i64) {
        self.unix_ns = None;
        let Some((head, seconds)) = bytes.split_first_chunk::<HEAD>() else {
            return;
        };
        let Some((_, zone)) = seconds.get(2..).and_then(fraction) else {
            return;
        };
        if let Some(room) = self.zone.get_mut(..zone.len()) {
            room.copy_from_slice(zone);
            self.head = *head;
            self.zone_bytes = zone.len();
            self.unix_ns = Some(minute_ns);
        }
    }
}

/// The nanoseconds of `.817327`, and what follows; digits beyond the ninth are dropped.
fn fraction(rest: &[u8]) -> Option<(u32, &[u8])> {
    let [b'.' | b',', digits @ ..] = rest else {
        return Some((0, rest));
    };
    let (mut nanos, mut scale, mut at) = (0u32, 100_000_000u32, 0);
    while let Some(digit) = digits
        .get(at)
        .map(|byte| byte.wrapping_sub(b'0'))
        .filter(|d| *d <= 9)
    {
        nanos += u32::from(digit) * scale;
        scale /= 10;
        at += 1;
    }
    (at > 0).then(|| (nanos, &digits[at..]))
}
